"""What a line of the inventory ledger says about itself."""

from __future__ import annotations

import pytest

from listings.domain.inventory import Movement, MovementType, stock_status


@pytest.mark.parametrize(
    ("kind", "before", "after", "delta", "quantity"),
    [
        (MovementType.IN, 0, 7, 7, 7),
        (MovementType.DECREMENT, 7, 4, -3, 3),  # units moved, unsigned
        (MovementType.ADJUSTMENT, 7, 4, -3, 4),  # the new absolute value
        (MovementType.ADJUSTMENT, 7, 0, -7, 0),
        (MovementType.OPENING, 0, 0, 0, 0),
    ],
)
def test_delta_and_quantity(kind, before, after, delta, quantity):
    movement = Movement(1, None, kind, before, after, "why")
    assert (movement.delta, movement.quantity) == (delta, quantity)


@pytest.mark.parametrize(
    ("quantity", "threshold", "status"),
    [
        (0, None, "out_of_stock"),
        (1, None, "low_stock"),
        (5, None, "low_stock"),
        (6, None, "in_stock"),
        (6, 10, "low_stock"),
        (1, 0, "in_stock"),  # nobody wants to be told
        (0, 0, "out_of_stock"),
    ],
)
def test_stock_status(quantity, threshold, status):
    assert stock_status(quantity, threshold) == status
