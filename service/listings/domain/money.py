"""Prices: exact decimals inside, doubles only on the wire.

A double cannot hold 0.10 exactly, so the wire's number is read by its shortest decimal text and
must lie within a millionth of a whole cent (a client that added 0.1 + 0.2 is understood; one that
sends 9.999 is told so).
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from listings.domain.errors import invalid

CENT: Final = Decimal("0.01")
CLOSE_TO_A_CENT: Final = Decimal("0.000001")
HIGHEST_PRICE: Final = Decimal("999999999.99")


def price_from_wire(value: float, *, field: str = "price", zero_allowed: bool = False) -> Decimal:
    """Turn the wire's double into cents-exact money.

    Raises InvalidArgument naming `field` for NaN, infinities, three decimals, negative numbers,
    zero (unless allowed) and anything above 999999999.99.
    """
    if not math.isfinite(value):
        raise invalid(field, f"{field} must be a finite number")
    exact = Decimal(repr(value))
    if exact < 0 or (exact == 0 and not zero_allowed):
        bound = "0 or more" if zero_allowed else "greater than 0"
        raise invalid(field, f"{field} must be {bound}")
    if exact > HIGHEST_PRICE:
        raise invalid(field, f"{field} must not exceed {HIGHEST_PRICE}")
    rounded = exact.quantize(CENT, rounding=ROUND_HALF_EVEN)
    if abs(exact - rounded) > CLOSE_TO_A_CENT:
        raise invalid(field, f"{field} must have at most two decimals")
    if rounded == 0 and not zero_allowed:
        raise invalid(field, f"{field} must be greater than 0")
    return rounded


def price_bound_from_wire(value: float, *, field: str) -> Decimal:
    """A bound of a price filter: any finite number of 0 or more, rounded to cents."""
    if not math.isfinite(value):
        raise invalid(field, f"{field} must be a finite number")
    if value < 0:
        raise invalid(field, f"{field} must be 0 or more")
    return min(Decimal(repr(value)), HIGHEST_PRICE).quantize(CENT, rounding=ROUND_HALF_EVEN)
