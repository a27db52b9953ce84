"""The inventory ledger's values: what moved, why, and what stock it left behind.

Every change of a product's or variant's stock has one movement, written in the same transaction; the
sum of an item's deltas is its stock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class MovementType(StrEnum):
    """Why stock changed; agrees with the CHECK `inventory_movements_type_check` (tested)."""

    IN = "in"
    OUT = "out"
    ADJUSTMENT = "adjustment"
    DECREMENT = "decrement"
    ROLLBACK = "rollback"
    RESTOCK = "restock"
    OPENING = "opening"
    REPAIR = "repair"


# Where a variant names no threshold of its own; the schema's default.
LOW_STOCK_THRESHOLD: Final = 5
# Products name none; `listings_apply_stock` holds the same two numbers (tested).
PRODUCT_LOW_STOCK_THRESHOLD: Final = 10

# What people may record; the other types are written by what they describe.
RECORDABLE: Final = (MovementType.IN, MovementType.OUT, MovementType.ADJUSTMENT)


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the ledger. `variant_id` None: the product's own stock; `user_id` 0: the system."""

    listing_id: int
    variant_id: int | None
    type: MovementType
    stock_before: int
    stock_after: int
    reason: str
    user_id: int = 0
    notes: str | None = None

    @property
    def delta(self) -> int:
        """What the movement did to the stock, signed."""
        return self.stock_after - self.stock_before

    @property
    def quantity(self) -> int:
        """The unsigned number clients know: units moved, for an adjustment the new absolute value."""
        absolute = self.type in {MovementType.ADJUSTMENT, MovementType.OPENING}
        return self.stock_after if absolute else abs(self.delta)


def stock_status(quantity: int, threshold: int | None = None) -> str:
    """`out_of_stock` at 0, `low_stock` up to the threshold (None: 5), else `in_stock`."""
    if quantity <= 0:
        return "out_of_stock"
    if quantity <= (LOW_STOCK_THRESHOLD if threshold is None else threshold):
        return "low_stock"
    return "in_stock"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger as it was written. Lines of earlier versions know no delta and counts."""

    id: int
    product_id: int
    variant_id: int | None
    movement_type: str
    quantity: int
    delta: int | None
    stock_before: int | None
    stock_after: int | None
    reason: str | None
    notes: str | None
    user_id: int | None
    order_id: str | None
    idempotency_key: str | None
    created_at: datetime
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which lines of the ledger; what is None or empty does not narrow them."""

    storefront_id: int | None = None
    product_id: int | None = None
    variant_id: int | None = None
    order_id: str | None = None
    movement_types: tuple[str, ...] = ()
    created_after: datetime | None = None
    """Inclusive."""
    created_before: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Lines of the ledger, newest first."""

    entries: Sequence[LedgerEntry]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class ProductStats:
    """Figures over the undeleted products of a storefront; value without regard to currencies."""

    total_products: int
    active_products: int
    out_of_stock: int
    low_stock: int
    total_value: float
    total_sold: int


@dataclass(frozen=True, slots=True)
class Drift:
    """An item whose stock is not the sum of its movements."""

    product_id: int
    variant_id: int | None
    on_hand: int
    ledger_sum: int

    @property
    def difference(self) -> int:
        """What a repair would add to the ledger."""
        return self.on_hand - self.ledger_sum
