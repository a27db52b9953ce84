"""The older family of variant messages on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.domain.listing_variants import ListingVariantChange, NewListingVariant
from listings.transport.fields import positive_id
from listings.transport.render.listings import listing_variant_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from listings.cache.encoded import EncodedCache
    from listings.transport.call import Call, Handler
    from listings.usecases.listing_variants import ListingVariants

_EMPTY: Final = b""


class ListingVariantHandlers:
    """CreateVariants, GetVariants, UpdateVariant, DeleteVariant."""

    def __init__(self, variants: ListingVariants, cache: EncodedCache) -> None:
        self._variants = variants
        self._cache = cache

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "CreateVariants": self.create,
            "GetVariants": self.of_listing,
            "UpdateVariant": self.update,
            "DeleteVariant": self.delete,
        }

    async def create(self, data: bytes, call: Call) -> bytes:
        """Create variants, all or none."""
        request = pb.CreateVariantsRequest.FromString(data)
        listing_id = positive_id(request.listing_id, "listing_id")
        new = [
            NewListingVariant.checked(
                sku=given.sku,
                price=given.price if given.HasField("price") else None,
                stock=given.stock if given.HasField("stock") else None,
                attributes=given.attributes,
                image_url=given.image_url if given.HasField("image_url") else None,
                place=f"variants[{index}].",
            )
            for index, given in enumerate(request.variants)
        ]
        await self._variants.create(listing_id, new, owner=call.required_owner(), user_id=call.actor_id)
        return _EMPTY

    def of_listing(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """The variants of a listing: at once when they are cached."""
        listing_id = positive_id(pb.ListingIDRequest.FromString(data).listing_id, "listing_id")
        cached = self._cache.get(("listing", listing_id), "variants")
        return cached if cached is not None else self._read(listing_id)

    async def update(self, data: bytes, call: Call) -> bytes:
        """Change what is given of a variant."""
        request = pb.UpdateVariantRequest.FromString(data)
        variant_id = positive_id(request.variant_id, "variant_id")
        change = ListingVariantChange.checked(
            sku=request.sku if request.HasField("sku") else None,
            price=request.price if request.HasField("price") else None,
            stock=request.stock if request.HasField("stock") else None,
            attributes=request.attributes,
            image_url=request.image_url if request.HasField("image_url") else None,
            is_active=request.is_active if request.HasField("is_active") else None,
        )
        await self._variants.update(variant_id, change, owner=call.required_owner(), user_id=call.actor_id)
        return _EMPTY

    async def delete(self, data: bytes, call: Call) -> bytes:
        """Remove a variant for good."""
        variant_id = positive_id(pb.VariantIDRequest.FromString(data).variant_id, "variant_id")
        await self._variants.remove(variant_id, owner=call.required_owner(), user_id=call.actor_id)
        return _EMPTY

    async def _read(self, listing_id: int) -> bytes:
        async def load() -> bytes:
            variants = await self._variants.of_listing(listing_id)
            answer = pb.VariantsResponse(variants=[listing_variant_message(variant) for variant in variants])
            return answer.SerializeToString()

        return await self._cache.fill(("listing", listing_id), "variants", load)
