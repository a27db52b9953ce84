"""Stock in PostgreSQL: the engine's one statement, and the reads beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.db.statements import statement
from listings.domain.inventory import MovementType
from listings.domain.stock import Item, ItemOutcome, Outcome, Outcomes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from listings.db.connections import Connections
    from listings.domain.stock import StockRequest

_APPLY: Final = statement("stock", "apply")
_ON_HAND: Final = statement("stock", "on_hand")
_PRODUCTS_ON_HAND: Final = statement("stock", "products_on_hand")
_VIEW: Final = statement("stock", "view")

_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}
_REASONS: Final = {MovementType.DECREMENT: "sale", MovementType.ROLLBACK: "rollback"}


class StockRows:
    """Takes, gives back, counts and reads units of products and variants."""

    def __init__(self, connections: Connections, *, refuse_unseen: bool = False) -> None:
        self._connections = connections
        self._refuse_unseen = refuse_unseen

    async def apply(self, requests: Sequence[StockRequest]) -> list[Outcomes]:
        """Carry out requests, decided one after the other, in one statement; all is committed or nothing.

        What is wrong with a request stands in its outcomes. An error is never one request's refusal.
        """
        line_requests: list[int] = []
        products: list[int] = []
        variants: list[int] = []
        quantities: list[int] = []
        reasons: list[str | None] = []
        notes: list[str | None] = []
        for number, request in enumerate(requests, start=1):
            reason = _REASONS.get(request.kind)
            note = f"order {request.order_id}" if request.kind is MovementType.ROLLBACK else None
            for line in request.lines:
                line_requests.append(number)
                products.append(line.item.product_id)
                variants.append(line.item.variant_id)
                quantities.append(line.quantity)
                reasons.append(line.reason or reason)
                notes.append(line.notes or note)
        rows = await self._connections.fetch(
            _APPLY,
            [request.kind.value for request in requests],
            _given(request.order_id for request in requests),
            _given(request.key for request in requests),
            _given(request.digest for request in requests),
            _given(request.storefront_id for request in requests),
            [request.user_id for request in requests],
            line_requests,
            products,
            variants,
            quantities,
            _given(reasons),
            _given(notes),
            self._refuse_unseen,
        )
        outcomes: list[Outcomes] = [{} for _ in requests]
        for number, product_id, variant_id, outcome, before, after, known in rows:
            outcomes[number - 1][Item(product_id, variant_id)] = ItemOutcome(
                _OUTCOMES[outcome], before, after, known
            )
        return outcomes

    async def on_hand(self, items: Collection[Item]) -> Mapping[tuple[int, int], int]:
        """Units of the asked items; unknown and deleted ones are left out."""
        if not any(item.variant_id for item in items):
            rows = await self._connections.fetch(_PRODUCTS_ON_HAND, [item.product_id for item in items])
            return {(product_id, 0): units for product_id, units in rows}
        rows = await self._connections.fetch(
            _ON_HAND, [item.product_id for item in items], [item.variant_id for item in items]
        )
        return {(product_id, variant_id): units for product_id, variant_id, units in rows}

    async def view(self, views: Mapping[int, int]) -> set[int]:
        """Add views by product; the products that exist."""
        rows = await self._connections.fetch(_VIEW, list(views), list(views.values()))
        return {row["id"] for row in rows}


def _given(values: Iterable[str | int | None]) -> Sequence[str | int | None]:
    """The values, or nothing where all are None: to PostgreSQL that is the same, and nothing is cheap to send."""
    found = list(values)
    return found if any(value is not None for value in found) else []
