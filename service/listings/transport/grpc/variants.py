"""Variants on the wire, in the newer message family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.domain.bulk import in_item
from listings.domain.errors import FieldViolation, InvalidArgument
from listings.domain.masks import chosen
from listings.domain.variants import CHANGEABLE, MOST_IN_BULK, NewVariant, VariantChange
from listings.transport.fields import positive_id, present_id
from listings.transport.grpc.products import present
from listings.transport.render.products import variant_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from listings.cache.encoded import EncodedCache
    from listings.transport.call import Call, Handler
    from listings.usecases.ownership import Ownership
    from listings.usecases.variants import Variants

# `is_active` of the create messages is a plain boolean, so absent and false look alike: it is ignored.
_IN_NEW: Final = CHANGEABLE - {"is_active"}


class VariantHandlers:
    """GetVariant, GetVariantsByProductID, {Create,Update,Delete}ProductVariant, BulkCreateProductVariants."""

    def __init__(self, variants: Variants, cache: EncodedCache, ownership: Ownership) -> None:
        self._variants = variants
        self._ownership = ownership
        self._cache = cache

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetVariant": self.get,
            "GetVariantsByProductID": self.of_product,
            "CreateProductVariant": self.create,
            "UpdateProductVariant": self.update,
            "DeleteProductVariant": self.delete,
            "BulkCreateProductVariants": self.create_many,
        }

    async def get(self, data: bytes, call: Call) -> bytes:
        """One variant."""
        request = pb.GetVariantRequest.FromString(data)
        variant = await self._variants.get(
            positive_id(request.variant_id, "variant_id"), product_id=present_id(request.product_id)
        )
        return pb.VariantResponse(variant=variant_message(variant)).SerializeToString()

    def of_product(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """A product's variants: at once when they are cached."""
        request = pb.GetVariantsByProductIDRequest.FromString(data)
        product_id = positive_id(request.product_id, "product_id")
        topic, key = ("product", product_id), ("variants", request.is_active_only)

        async def load() -> bytes:
            variants = await self._variants.of_product(product_id, active_only=request.is_active_only)
            messages = [variant_message(variant) for variant in variants]
            return pb.ProductVariantsResponse(variants=messages).SerializeToString()

        cached = self._cache.get(topic, key)
        return cached if cached is not None else self._cache.fill(topic, key, load)

    async def create(self, data: bytes, call: Call) -> bytes:
        """Create a variant."""
        request = pb.CreateProductVariantRequest.FromString(data)
        product_id = _product_id(request.product_id)
        new = NewVariant.checked(present(request, _IN_NEW))
        await self._ownership.check_product(product_id, call.required_owner())
        variant = await self._variants.create(product_id, new)
        return pb.VariantResponse(variant=variant_message(variant)).SerializeToString()

    async def create_many(self, data: bytes, call: Call) -> bytes:
        """Create variants of one product: all or none."""
        request = pb.BulkCreateProductVariantsRequest.FromString(data)
        product_id = _product_id(request.product_id)
        if not request.variants:
            raise _refused("variants.bulk_empty", "variants", "send at least one")
        if len(request.variants) > MOST_IN_BULK:
            raise _refused("variants.bulk_too_many", "variants", f"send at most {MOST_IN_BULK} at once")
        new = []
        for index, item in enumerate(request.variants):
            with in_item(f"variants[{index}]"):
                new.append(NewVariant.checked(present(item, _IN_NEW)))
        await self._ownership.check_product(product_id, call.required_owner())
        created = await self._variants.create_many(product_id, new)
        return pb.BulkCreateProductVariantsResponse(
            variants=[variant_message(variant) for variant in created], successful_count=len(created)
        ).SerializeToString()

    async def update(self, data: bytes, call: Call) -> bytes:
        """Change a variant."""
        request = pb.UpdateProductVariantRequest.FromString(data)
        variant_id = positive_id(request.variant_id, "variant_id")
        product_id = positive_id(request.product_id, "product_id")
        wanted = chosen(present(request, CHANGEABLE), request.update_mask.paths, writable=CHANGEABLE)
        change = VariantChange.checked(wanted)
        await self._ownership.check_product(product_id, call.required_owner())
        variant = await self._variants.update(product_id, variant_id, change)
        return pb.VariantResponse(variant=variant_message(variant)).SerializeToString()

    async def delete(self, data: bytes, call: Call) -> bytes:
        """Remove a variant."""
        request = pb.DeleteProductVariantRequest.FromString(data)
        variant_id = positive_id(request.variant_id, "variant_id")
        product_id = positive_id(request.product_id, "product_id")
        await self._ownership.check_product(product_id, call.required_owner())
        await self._variants.remove(product_id, variant_id)
        return pb.DeleteProductVariantResponse(
            success=True, message="Variant deleted successfully"
        ).SerializeToString()


def _product_id(value: int) -> int:
    if value <= 0:
        raise _refused("variants.invalid_product_id", "product_id", "must be greater than 0")
    return value


def _refused(token: str, field: str, remedy: str) -> InvalidArgument:
    return InvalidArgument(token, fields=[FieldViolation(field, remedy)])
