"""Which lists of storefronts can be asked for, and what their cursors carry."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from listings.domain.errors import InvalidArgument
from listings.domain.storefronts import (
    SortBy,
    Storefront,
    StorefrontQuery,
    page_limit,
    position_of,
    read_position,
)


def storefront(**changes: Any) -> Storefront:
    texts = ("description", "logo_url", "banner_url", "phone", "email", "website", "address", "city")
    absent = dict.fromkeys((*texts, "postal_code", "latitude", "longitude"))
    counts = dict.fromkeys(
        ("reviews_count", "products_count", "sales_count", "views_count", "followers_count"), 3
    )
    moment = datetime(2026, 11, 22, 23, 8, 30, 123456)
    fixed = {
        "id": 5,
        "user_id": 7,
        "slug": "s",
        "name": "Радња  'Шљива'",
        "country": "RS",
        "rating": Decimal("4.75"),
    }
    flags = {"is_active": True, "is_verified": False, "created_at": moment, "updated_at": moment}
    return Storefront(**{**absent, **counts, **fixed, **flags, **changes})


@pytest.mark.parametrize("sort_by", list(SortBy))
def test_a_cursor_carries_the_sort_key_unchanged(sort_by):
    query = StorefrontQuery(sort_by=sort_by)
    shown = storefront()
    assert read_position(position_of(shown, query), query) == (getattr(shown, sort_by), 5)


@pytest.mark.parametrize(
    ("sort_by", "key"),
    [
        (SortBy.CREATED_AT, "soon"),
        (SortBy.CREATED_AT, 5),
        (SortBy.NAME, "a\x00"),
        (SortBy.NAME, "\ud800"),  # half a character
        (SortBy.RATING, "sNaN"),
        (SortBy.RATING, "Infinity"),
        (SortBy.RATING, "4.750000000000"),
        (SortBy.PRODUCTS_COUNT, "4.5"),
        (SortBy.VIEWS_COUNT, str(2**31)),
    ],
)
def test_keys_that_no_row_can_have_are_refused(sort_by, key):
    with pytest.raises(InvalidArgument):
        read_position((key, 5), StorefrontQuery(sort_by=sort_by))


@pytest.mark.parametrize("storefront_id", ["5", 5.0, None, 2**31, -(2**31)])
def test_ids_that_no_row_can_have_are_refused(storefront_id):
    with pytest.raises(InvalidArgument):
        read_position(("name", storefront_id), StorefrontQuery(sort_by=SortBy.NAME))


def test_what_is_absent_does_not_narrow():
    assert StorefrontQuery.checked(city=" ") == StorefrontQuery()


@pytest.mark.parametrize(("asked", "given"), [(0, 20), (-1, 20), (1, 1), (100, 100), (101, 100)])
def test_page_limits(asked, given):
    assert page_limit(asked) == given
