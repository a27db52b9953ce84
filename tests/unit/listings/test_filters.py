"""The text and the parameters of filters: literals only, values apart."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.db.filters import listing_conditions
from listings.db.listings import page_statement
from listings.domain.listings import ListingFilter, SourceType, Status


def test_no_filter_still_leaves_deleted_listings_out():
    conditions = listing_conditions(ListingFilter())
    assert conditions.sql == "l.is_deleted = false"
    assert conditions.parameters == []


def test_every_filter_is_a_condition_with_its_value_as_parameter():
    conditions = listing_conditions(
        ListingFilter(
            user_id=1,
            storefront_id=2,
            category_id=3,
            status=Status.SOLD,
            min_price=Decimal(4),
            max_price=Decimal(5),
            source_type=SourceType.B2C,
        )
    )
    assert conditions.sql == (
        "l.is_deleted = false AND l.user_id = $1::bigint AND l.storefront_id = $2::bigint"
        " AND l.category_id = $3::bigint AND l.status = $4::text AND l.source_type = $5::text"
        " AND l.price >= $6::numeric AND l.price <= $7::numeric"
    )
    assert conditions.parameters == [1, 2, 3, "sold", "b2c", Decimal(4), Decimal(5)]


_optional_id = st.none() | st.integers(1, 2**40)


@given(
    st.builds(
        ListingFilter,
        user_id=_optional_id,
        category_id=_optional_id,
        status=st.none() | st.sampled_from(Status),
        min_price=st.none() | st.decimals(0, 1000, places=2),
    ),
    st.integers(1, 101),
    st.integers(0, 1000),
    st.none() | st.just((datetime(2026, 1, 1, tzinfo=UTC), 5)),
    st.booleans(),
)
def test_placeholders_and_parameters_of_a_page_agree(wanted, limit, offset, after, count):
    statement, parameters = page_statement(wanted, limit=limit, offset=offset, after=after, count=count)
    named = {int(number) for number in re.findall(r"\$(\d+)", statement.sql)}
    assert named == set(range(1, len(parameters) + 1))


@pytest.mark.parametrize("offset", [0, 40])
def test_the_text_of_a_page_does_not_depend_on_the_values(offset):
    def text(user_id: int, limit: int) -> str:
        return page_statement(
            ListingFilter(user_id=user_id), limit=limit, offset=offset, after=None, count=True
        )[0].sql

    assert text(1, 10) == text(2, 61)
