"""Searching: the same question for both edges, whichever index answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from listings.domain.paging import page, write_token
from listings.domain.search import KEY_LENGTH, Position, SearchResult

if TYPE_CHECKING:
    from listings.cache.encoded import EncodedCache, Topic
    from listings.domain.search import SearchQuery
    from listings.metrics import CatalogMetrics
    from listings.search.index import SearchIndex
    from listings.state_metrics import SearchMetrics

_COUNTS: Final[Topic] = ("counts",)


class Search:
    """Finds what everybody may see."""

    def __init__(
        self, index: SearchIndex, cache: EncodedCache, metrics: CatalogMetrics, questions: SearchMetrics
    ) -> None:
        self._index = index
        self._cache = cache
        self._metrics = metrics
        self._questions = questions

    async def search(
        self, query: SearchQuery, *, limit: int, offset: int = 0, token: str = ""
    ) -> SearchResult:
        """One page of what a query finds, and how much it finds in all.

        What a query finds in all is counted at most once until a listing changes, or the cache's time to
        live ends. Raises InvalidArgument naming limit, offset or page_token.
        """
        asked = page(limit, offset, token, query=query, key_length=KEY_LENGTH)
        known = self._cache.get(_COUNTS, query)
        fill = self._cache.begin(_COUNTS)
        started, outcome = time.perf_counter(), "failed"
        try:
            found = await self._index.search(
                query,
                limit=asked.limit,
                offset=asked.offset,
                after=Position.of_key(asked.after) if asked.after else None,
                total=int(known) if known is not None else None,
            )
            outcome = "found" if found.total else "nothing"
        finally:
            self._questions.asked(outcome, time.perf_counter() - started)
        if known is None:
            self._cache.put(fill, b"%d" % found.total, query)
        self._metrics.searched()
        next_token = write_token(found.last.key(), query=query) if found.last else ""
        return SearchResult(found.listings, found.total, next_token)

    def answered_again(self) -> None:
        """Count a search that an edge answered with a page it had kept."""
        self._metrics.searched()
