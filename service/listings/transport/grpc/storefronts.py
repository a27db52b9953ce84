"""Storefronts on the wire.

Single ones are cached under their own topic; slugs and pages, which any storefront's change may touch,
under one topic for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.domain.storefronts import StorefrontQuery
from listings.domain.text import bounded
from listings.transport.fields import positive_id, present_id
from listings.transport.render.storefronts import storefront_message, storefronts_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from listings.cache.encoded import EncodedCache
    from listings.transport.call import Call, Handler
    from listings.usecases.storefronts import Storefronts

_ALL: Final = ("storefronts",)


class StorefrontHandlers:
    """GetStorefront, GetStorefrontBySlug, ListStorefronts."""

    def __init__(self, storefronts: Storefronts, cache: EncodedCache) -> None:
        self._storefronts = storefronts
        self._cache = cache

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetStorefront": self.get,
            "GetStorefrontBySlug": self.by_slug,
            "ListStorefronts": self.list,
        }

    def get(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """One storefront: at once when it is cached."""
        storefront_id = positive_id(pb.GetStorefrontRequest.FromString(data).id, "id")
        cached = self._cache.get(("storefront", storefront_id))
        return cached if cached is not None else self._read(storefront_id)

    def by_slug(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """The storefront with a slug: at once when it is cached."""
        given = pb.GetStorefrontBySlugRequest.FromString(data).slug
        slug = bounded(given, field="slug", longest=100, required=True)
        cached = self._cache.get(_ALL, slug)
        return cached if cached is not None else self._read_slug(slug)

    def list(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """One page of storefronts: at once when it is cached."""
        request = pb.ListStorefrontsRequest.FromString(data)
        query = StorefrontQuery.checked(
            user_id=present_id(request.user_id),
            is_active=request.is_active if request.HasField("is_active") else None,
            is_verified=request.is_verified if request.HasField("is_verified") else None,
            city=request.city,
            sort_by=request.sort_by,
            sort_order=request.sort_order,
        )
        key = (query, request.limit, request.offset, request.page_token)
        cached = self._cache.get(_ALL, key)
        return cached if cached is not None else self._read_page(query, key)

    async def _read(self, storefront_id: int) -> bytes:
        async def load() -> bytes:
            storefront = await self._storefronts.get(storefront_id)
            return pb.StorefrontResponse(storefront=storefront_message(storefront)).SerializeToString()

        return await self._cache.fill(("storefront", storefront_id), None, load)

    async def _read_slug(self, slug: str) -> bytes:
        async def load() -> bytes:
            storefront = await self._storefronts.by_slug(slug)
            return pb.StorefrontResponse(storefront=storefront_message(storefront)).SerializeToString()

        return await self._cache.fill(_ALL, slug, load)

    async def _read_page(self, query: StorefrontQuery, key: tuple[StorefrontQuery, int, int, str]) -> bytes:
        async def load() -> bytes:
            _, limit, offset, token = key
            found = await self._storefronts.list(query, limit=limit, offset=offset, token=token)
            return storefronts_message(found).SerializeToString()

        return await self._cache.fill(_ALL, key, load)
