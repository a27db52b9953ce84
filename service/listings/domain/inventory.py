"""The inventory ledger's values: what moved, why, and what stock it left behind.

Every change of a product's or variant's stock has one movement, written in the same transaction; the
sum of an item's deltas is its stock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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
