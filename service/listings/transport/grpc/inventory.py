"""Stock as its owner keeps it, on the wire."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from google.protobuf.timestamp_pb2 import Timestamp

from listings.domain.errors import DeadlineExceeded, PermissionDenied, invalid
from listings.domain.inventory import LedgerFilter
from listings.domain.stock import Item, Line
from listings.transport.fields import positive_id
from listings.transport.grpc.stock_lines import add_results, item_of
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from datetime import datetime

    from listings.domain.inventory import LedgerEntry
    from listings.transport.call import Call, Handler
    from listings.usecases.inventory import Inventory
    from listings.usecases.ownership import Ownership

# A long batch that is cut off leaves its caller in doubt; one that has no time is refused before it begins.
_SHORTEST_BATCH_SECONDS: Final = 5.0


class InventoryHandlers:
    """RecordInventoryMovement, BatchUpdateStock, GetInventoryHistory, GetProductStats."""

    def __init__(self, inventory: Inventory, ownership: Ownership) -> None:
        self._inventory = inventory
        self._ownership = ownership

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "RecordInventoryMovement": self.record,
            "BatchUpdateStock": self.set_counts,
            "GetInventoryHistory": self.history,
            "GetProductStats": self.stats,
        }

    async def record(self, data: bytes, call: Call) -> bytes:
        """Move stock by hand."""
        request = pb.RecordInventoryMovementRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        positive_id(request.product_id, "product_id")
        if request.HasField("variant_id"):
            positive_id(request.variant_id, "variant_id")
        user_id = call.acting_user(request.user_id)
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        outcome = await self._inventory.record(
            storefront_id=storefront_id,
            item=Item(request.product_id, request.variant_id),
            movement_type=request.movement_type,
            quantity=request.quantity,
            user_id=user_id,
            reason=request.reason or None,
            notes=request.notes or None,
            key=request.idempotency_key if request.HasField("idempotency_key") else None,
        )
        return pb.RecordInventoryMovementResponse(
            success=True, stock_before=outcome.stock_before, stock_after=outcome.stock_after
        ).SerializeToString()

    async def set_counts(self, data: bytes, call: Call) -> bytes:
        """Set counted stock."""
        left = call.seconds_left()
        if left is not None and left < _SHORTEST_BATCH_SECONDS:
            raise DeadlineExceeded(
                f"BatchUpdateStock needs at least {_SHORTEST_BATCH_SECONDS:g} seconds, {left:.1f} are left",
                reason="DEADLINE_TOO_SHORT",
            )
        request = pb.BatchUpdateStockRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        user_id = call.acting_user(request.user_id)
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        results = await self._inventory.set_counts(
            storefront_id=storefront_id,
            lines=[Line(item_of(item), item.quantity, item.reason or None) for item in request.items],
            user_id=user_id,
            reason=request.reason or None,
            key=request.idempotency_key if request.HasField("idempotency_key") else None,
        )
        successful = sum(result.success for result in results)
        response = pb.BatchUpdateStockResponse(
            successful_count=successful, failed_count=len(results) - successful
        )
        add_results(response.results.add, results)
        return response.SerializeToString()

    async def history(self, data: bytes, call: Call) -> bytes:
        """Look back."""
        request = pb.GetInventoryHistoryRequest.FromString(data)
        wanted = LedgerFilter(
            storefront_id=request.storefront_id if request.HasField("storefront_id") else None,
            product_id=request.product_id if request.HasField("product_id") else None,
            variant_id=request.variant_id if request.HasField("variant_id") else None,
            order_id=request.order_id if request.HasField("order_id") else None,
            movement_types=tuple(request.movement_types),
            created_after=_moment(request, "created_after"),
            created_before=_moment(request, "created_before"),
        )
        await self._check_reader(wanted, call.required_owner())
        found = await self._inventory.history(wanted, page_size=request.page_size, token=request.page_token)
        return pb.GetInventoryHistoryResponse(
            movements=[_movement(entry) for entry in found.entries], next_page_token=found.next_page_token
        ).SerializeToString()

    async def stats(self, data: bytes, call: Call) -> bytes:
        """Sum a storefront up."""
        request = pb.GetProductStatsRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        stats = await self._inventory.stats(storefront_id)
        return pb.GetProductStatsResponse(
            stats=pb.ProductStats(
                total_products=stats.total_products,
                active_products=stats.active_products,
                out_of_stock=stats.out_of_stock,
                low_stock=stats.low_stock,
                total_value=stats.total_value,
                total_sold=stats.total_sold,
            )
        ).SerializeToString()

    async def _check_reader(self, wanted: LedgerFilter, owner: int | None) -> None:
        """A shop's history is its owner's business: raise PermissionDenied unless the filter stays within it."""
        if owner is None:
            return
        if wanted.storefront_id is not None:
            await self._ownership.check_storefront(wanted.storefront_id, owner)
        elif wanted.product_id is not None:
            await self._ownership.check_product(wanted.product_id, owner)
        else:
            raise PermissionDenied(
                "the history of all shops is not a user's: name storefront_id or product_id",
                reason="NOT_OWNER",
            )


def _moment(request: pb.GetInventoryHistoryRequest, field: str) -> datetime | None:
    if not request.HasField(field):  # type: ignore[arg-type] # one of the two literal names below
        return None
    stamp: Timestamp = getattr(request, field)
    try:
        return stamp.ToDatetime().replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(field, f"{field} must be a moment between the years 1 and 9999") from error


def _movement(entry: LedgerEntry) -> pb.InventoryMovement:
    created_at = Timestamp()
    created_at.FromDatetime(entry.created_at)
    movement = pb.InventoryMovement(
        id=entry.id,
        product_id=entry.product_id,
        variant_id=entry.variant_id,
        movement_type=entry.movement_type,
        quantity=entry.quantity,
        delta=entry.delta or 0,
        stock_before=entry.stock_before or 0,
        stock_after=entry.stock_after or 0,
        reason=entry.reason,
        notes=entry.notes,
        user_id=entry.user_id,
        order_id=entry.order_id,
        idempotency_key=entry.idempotency_key,
        created_at=created_at,
    )
    if entry.metadata:
        movement.metadata.update(entry.metadata)
    return movement
