"""What the search use case asks of an index, whichever engine it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from listings.domain.search import Position, SearchPage, SearchQuery


class SearchIndex(Protocol):
    """Finds active, public, undeleted listings.

    A page carries whole listings, not ids: an engine inside the database reads them in the round trip
    that finds them, and one outside loads them by id itself.
    """

    async def search(
        self,
        query: SearchQuery,
        *,
        limit: int,
        offset: int = 0,
        after: Position | None = None,
        total: int | None = None,
    ) -> SearchPage:
        """One page in the query's order: best match first, then newest, for relevance.

        `last` of the page is set when another page follows. `after` wins over `offset`. `total` is the
        number of matches where the caller knows it; the index then need not count. No text is refused:
        words that nothing is spelled like find nothing.
        """
