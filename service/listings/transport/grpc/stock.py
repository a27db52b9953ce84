"""Stock for orders on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.domain.stock import Line
from listings.transport.fields import positive_id
from listings.transport.grpc.stock_lines import add_results, item_of
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from listings.transport.call import Call, Handler
    from listings.usecases.stock import Stock

_EMPTY: Final = b""


class StockHandlers:
    """CheckStockAvailability, DecrementStock, RollbackStock, IncrementProductViews."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "CheckStockAvailability": self.check,
            "DecrementStock": self.decrement,
            "RollbackStock": self.rollback,
            "IncrementProductViews": self.view,
        }

    async def check(self, data: bytes, call: Call) -> bytes:
        """What is on hand."""
        request = pb.CheckStockAvailabilityRequest.FromString(data)
        checked = await self._stock.check(_lines(request.items))
        response = pb.CheckStockAvailabilityResponse(all_available=all(fits for _, _, fits in checked))
        add = response.items.add  # a third of the time that a list of messages takes
        for ((product_id, variant_id), quantity, _, _), on_hand, fits in checked:
            add(
                product_id=product_id,
                variant_id=variant_id or None,
                requested_quantity=quantity,
                available_quantity=on_hand,
                is_available=fits,
            )
        return response.SerializeToString()

    async def decrement(self, data: bytes, call: Call) -> bytes:
        """Take an order's lines."""
        request = pb.DecrementStockRequest.FromString(data)
        answer = await self._stock.decrement(_lines(request.items), _order_id(request.order_id))
        response = pb.DecrementStockResponse(success=answer.success, error=answer.error)
        add_results(response.results.add, answer.results)
        return response.SerializeToString()

    async def rollback(self, data: bytes, call: Call) -> bytes:
        """Give an order's lines back."""
        request = pb.RollbackStockRequest.FromString(data)
        answer = await self._stock.rollback(_lines(request.items), _order_id(request.order_id))
        response = pb.RollbackStockResponse(success=answer.success, error=answer.error)
        add_results(response.results.add, answer.results)
        return response.SerializeToString()

    async def view(self, data: bytes, call: Call) -> bytes:
        """Count a view."""
        request = pb.IncrementProductViewsRequest.FromString(data)
        await self._stock.view(positive_id(request.product_id, "product_id"))
        return _EMPTY


def _lines(items: Iterable[pb.StockItem]) -> list[Line]:
    return [Line(item_of(item), item.quantity) for item in items]


def _order_id(value: str) -> str | None:
    return value if value.strip() else None
