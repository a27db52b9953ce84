"""Products in bulk on the wire: what is wrong with the call is a status, what is wrong with an item is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.domain.bulk import MOST_ITEMS, value_or_error
from listings.domain.errors import DeadlineExceeded, FieldViolation, InvalidArgument, ListingsError, invalid
from listings.domain.products import CHANGEABLE
from listings.transport.fields import positive_id
from listings.transport.grpc.products import new_product, present, product_change
from listings.transport.render.products import error_messages, product_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from listings.domain.products import ProductChange
    from listings.transport.call import Call, Handler
    from listings.usecases.ownership import Ownership
    from listings.usecases.product_bulk import ProductBulk

# A deletion that its caller stops waiting for is still done: with less time left than this it is not begun.
_SHORTEST_DELETE_SECONDS: Final = 5.0

_CHANGEABLE_IN_BULK: Final = frozenset(
    name for name in CHANGEABLE if name in pb.ProductUpdateInput.DESCRIPTOR.fields_by_name
)


class ProductBulkHandlers:
    """BulkCreateProducts, BulkUpdateProducts, BulkDeleteProducts."""

    def __init__(self, bulk: ProductBulk, ownership: Ownership) -> None:
        self._bulk = bulk
        self._ownership = ownership

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "BulkCreateProducts": self.create,
            "BulkUpdateProducts": self.update,
            "BulkDeleteProducts": self.delete,
        }

    async def create(self, data: bytes, call: Call) -> bytes:
        """Offer products."""
        request = pb.BulkCreateProductsRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        _check_number("products", len(request.products))
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        for item in request.products:
            item.has_variants = False  # variants are created one product at a time
        outcome = await self._bulk.create(
            storefront_id, [value_or_error(new_product, item) for item in request.products]
        )
        return pb.BulkCreateProductsResponse(
            products=[product_message(product) for product in outcome.products],
            successful_count=len(outcome.products),
            failed_count=len(outcome.errors),
            errors=error_messages(outcome.errors),
        ).SerializeToString()

    async def update(self, data: bytes, call: Call) -> bytes:
        """Change products; no item: nothing happens."""
        request = pb.BulkUpdateProductsRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        if len(request.updates) > MOST_ITEMS:
            raise _refused(
                "products.bulk_update_limit_exceeded", "updates", f"send at most {MOST_ITEMS} at once"
            )
        items: list[tuple[int, ProductChange | ListingsError]] = []
        for index, item in enumerate(request.updates):
            positive_id(item.product_id, f"updates[{index}].product_id")
            if not present(item, _CHANGEABLE_IN_BULK):
                raise invalid(
                    f"updates[{index}]", f"updates[{index}]: nothing to change: send at least one field"
                )
            items.append((item.product_id, value_or_error(_change, item)))
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        outcome = await self._bulk.update(storefront_id, items)
        return pb.BulkUpdateProductsResponse(
            products=[product_message(product) for product in outcome.products],
            successful_count=len(outcome.products),
            failed_count=len(outcome.errors),
            errors=error_messages(outcome.errors),
        ).SerializeToString()

    async def delete(self, data: bytes, call: Call) -> bytes:
        """Delete products."""
        left = call.seconds_left()
        if left is not None and left < _SHORTEST_DELETE_SECONDS:
            raise DeadlineExceeded(
                f"BulkDeleteProducts needs at least {_SHORTEST_DELETE_SECONDS:g} seconds, {left:.1f} are left",
                reason="DEADLINE_TOO_SHORT",
            )
        request = pb.BulkDeleteProductsRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        _check_number("product_ids", len(request.product_ids))
        for index, product_id in enumerate(request.product_ids):
            positive_id(product_id, f"product_ids[{index}]")
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        outcome = await self._bulk.delete(storefront_id, request.product_ids, hard=request.hard_delete)
        return pb.BulkDeleteProductsResponse(
            successful_count=outcome.deleted,
            failed_count=len(outcome.errors),
            variants_deleted=outcome.variants_deleted,
            errors=error_messages(outcome.errors),
        ).SerializeToString()


def _change(item: pb.ProductUpdateInput) -> ProductChange:
    change = product_change(item, writable=_CHANGEABLE_IN_BULK)
    if change.is_empty:
        raise _refused("products.no_fields_to_update", "update_mask", "names no field that the item carries")
    return change


def _check_number(field: str, number: int) -> None:
    if number == 0:
        raise _refused("products.bulk_empty", field, "send at least one")
    if number > MOST_ITEMS:
        raise _refused("products.bulk_too_large", field, f"send at most {MOST_ITEMS} at once")


def _refused(token: str, field: str, remedy: str) -> InvalidArgument:
    return InvalidArgument(token, fields=[FieldViolation(field, remedy)])
