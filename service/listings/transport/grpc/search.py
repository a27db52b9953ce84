"""Search on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.domain.search import SearchQuery
from listings.transport.fields import present
from listings.transport.render.listings import listing_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from listings.cache.encoded import EncodedCache, Topic
    from listings.transport.call import Call, Handler
    from listings.usecases.search import Search

_PAGES: Final[Topic] = ("pages",)
# Pages are cached by the request's own bytes, so that a key holds every filter and a hit parses nothing.
# The longest query takes 800 bytes; a longer request is answered, but not remembered.
_LONGEST_KEY: Final = 2048


class SearchHandlers:
    """SearchListings."""

    def __init__(self, search: Search, cache: EncodedCache) -> None:
        self._search = search
        self._cache = cache

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {"SearchListings": self.search}

    def search(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """One page of what is found: at once when it is cached."""
        if len(data) > _LONGEST_KEY:
            return self._read(data)
        cached = self._cache.get(_PAGES, ("SearchListings", data))
        if cached is not None:
            self._search.answered_again()
            return cached
        return self._cache.fill(_PAGES, ("SearchListings", data), lambda: self._read(data))

    async def _read(self, data: bytes) -> bytes:
        request = pb.SearchListingsRequest.FromString(data)
        found = await self._search.search(
            SearchQuery.checked(
                request.query,
                sort=request.sort,
                category_id=present(request, "category_id"),
                min_price=present(request, "min_price"),
                max_price=present(request, "max_price"),
                source_type=present(request, "source_type"),
                storefront_id=present(request, "storefront_id"),
            ),
            limit=request.limit,
            offset=request.offset,
            token=request.page_token,
        )
        return pb.SearchListingsResponse(
            listings=[listing_message(listing) for listing in found.listings],
            total=found.total,
            next_page_token=found.next_page_token,
        ).SerializeToString()
