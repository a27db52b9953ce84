"""Prices on the wire become exact cents or a named refusal."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.domain.errors import InvalidArgument
from listings.domain.money import HIGHEST_PRICE, price_bound_from_wire, price_from_wire


@pytest.mark.parametrize(
    ("wire", "exact"),
    [
        (0.01, "0.01"),  # the smallest price
        (19.99, "19.99"),  # not exact in binary, exact by its shortest text
        (0.1 + 0.2, "0.30"),  # 0.30000000000000004: a client's own rounding error
        (1e2, "100.00"),
        (999999999.99, "999999999.99"),  # the largest
    ],
)
def test_a_price_within_a_millionth_of_a_cent_is_understood(wire, exact):
    assert price_from_wire(wire) == Decimal(exact)


@pytest.mark.parametrize(
    ("wire", "word"),
    [
        (math.nan, "finite"),
        (math.inf, "finite"),
        (-math.inf, "finite"),
        (-1.0, "greater than 0"),
        (0.0, "greater than 0"),
        (-0.0, "greater than 0"),
        (9.999, "two decimals"),
        (0.001, "two decimals"),
        (1_000_000_000.0, "exceed"),
        (1e300, "exceed"),
        (1e-300, "greater than 0"),
    ],
)
def test_other_numbers_are_refused_with_the_field_named(wire, word):
    with pytest.raises(InvalidArgument) as refused:
        price_from_wire(wire, field="items[0].price")
    assert word in refused.value.message
    assert refused.value.fields[0].field == "items[0].price"


def test_a_variant_may_be_free():
    assert price_from_wire(0.0, zero_allowed=True) == 0


@given(st.integers(min_value=1, max_value=int(HIGHEST_PRICE * 100)))
def test_every_amount_of_cents_survives_the_wire(cents):
    amount = Decimal(cents) / 100
    assert price_from_wire(float(amount)) == amount


@given(st.floats())
def test_any_double_is_money_or_a_named_refusal(wire):
    try:
        price = price_from_wire(wire)
    except InvalidArgument as refused:
        assert refused.fields[0].field == "price"
    else:
        assert price == price.quantize(Decimal("0.01"))
        assert 0 < price <= HIGHEST_PRICE


@pytest.mark.parametrize("wire", [math.nan, math.inf, -0.01])
def test_a_filter_bound_must_be_a_number_of_zero_or_more(wire):
    with pytest.raises(InvalidArgument):
        price_bound_from_wire(wire, field="min_price")


def test_a_filter_bound_above_every_price_is_the_highest_price():
    assert price_bound_from_wire(1e30, field="max_price") == HIGHEST_PRICE
