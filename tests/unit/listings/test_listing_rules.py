"""The rules of listings that need no database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from uuid import uuid4

import pytest

from listings.domain.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from listings.domain.listings import (
    Listing,
    ListingChange,
    ListingFilter,
    NewListing,
    SourceType,
    Status,
    check_owner,
    check_transition,
    stock_status_of,
)

_NOW = datetime(2026, 1, 1, tzinfo=UTC)

_NEW = {
    "user_id": 7,
    "title": "Oak table",
    "price": 10.5,
    "currency": "RSD",
    "category_id": 3,
    "quantity": 1,
}


def listing(**values: object) -> Listing:
    given = {
        "id": 1,
        "uuid": uuid4(),
        "slug": "oak-table",
        "user_id": 7,
        "storefront_id": None,
        "title": "Oak table",
        "description": "Solid",
        "price": Decimal("10.50"),
        "currency": "RSD",
        "category_id": 3,
        "status": Status.DRAFT,
        "visibility": "public",
        "quantity": 1,
        "sku": None,
        "source_type": SourceType.C2C,
        "stock_status": "in_stock",
        "view_count": 0,
        "favorites_count": 0,
        "expires_at": None,
        "created_at": _NOW,
        "updated_at": _NOW,
        "published_at": None,
        "deleted_at": None,
        "is_deleted": False,
    }
    return Listing(**{**given, **values})


BAD_NEW = [
    ("user_id", 0),
    ("user_id", -1),
    ("user_id", 2**63),  # does not fit its column
    ("storefront_id", 0),  # not a filter: 0 is no storefront
    ("storefront_id", -5),
    ("title", ""),
    ("title", "ab"),
    ("title", "  ab  "),  # counted after trimming
    ("title", "\x00\x01ab\x7f"),  # control characters do not count
    ("title", "\u200b\u200b\u200b"),  # nothing visible
    ("title", "x" * 256),
    ("description", "x" * 5001),
    ("price", 0.0),
    ("price", -1.0),
    ("price", float("nan")),
    ("price", float("inf")),
    ("price", 9.999),  # three decimals
    ("price", 1_000_000_000.0),
    ("currency", ""),
    ("currency", "rsd"),
    ("currency", "RSDX"),
    ("currency", "РСД"),  # three upper-case letters, of another alphabet
    ("category_id", 0),
    ("category_id", -1),
    ("quantity", -1),
    ("quantity", 2**31),
    ("sku", "x" * 101),
    ("source_type", "b2b"),
    ("source_type", "C2C"),
]


@pytest.mark.parametrize(("field", "value"), BAD_NEW)
def test_a_new_listing_names_the_field_at_fault(field, value):
    with pytest.raises(InvalidArgument) as refused:
        NewListing.checked(**{**_NEW, field: value})
    assert [broken.field for broken in refused.value.fields] == [field]


@pytest.mark.parametrize("length", [3, 255])
@pytest.mark.parametrize("letter", ["x", "ж", "漢", "🎸", "ש"])
def test_titles_are_measured_in_characters_of_any_script(letter, length):
    assert NewListing.checked(**{**_NEW, "title": letter * length}).title == letter * length


def test_a_title_becomes_one_clean_line():
    assert NewListing.checked(**{**_NEW, "title": " Oak\ttable\r\n\x00 top "}).title == "Oak table top"


@pytest.mark.parametrize(
    ("source_type", "storefront_id", "expected"),
    [
        (None, None, SourceType.C2C),
        (None, 5, SourceType.B2C),
        ("", 5, SourceType.B2C),
        ("c2c", None, SourceType.C2C),
        ("b2c", 5, SourceType.B2C),
        ("storefront", 5, SourceType.STOREFRONT),
    ],
)
def test_the_source_follows_the_storefront(source_type, storefront_id, expected):
    new = NewListing.checked(**_NEW, source_type=source_type, storefront_id=storefront_id)
    assert new.source_type is expected


@pytest.mark.parametrize(
    ("source_type", "storefront_id", "field"),
    [("c2c", 5, "source_type"), ("b2c", None, "storefront_id"), ("storefront", None, "storefront_id")],
)
def test_a_source_that_contradicts_the_storefront_is_refused(source_type, storefront_id, field):
    with pytest.raises(InvalidArgument) as refused:
        NewListing.checked(**_NEW, source_type=source_type, storefront_id=storefront_id)
    assert refused.value.fields[0].field == field


def test_only_private_sales_expire():
    assert NewListing.checked(**_NEW).lasts is not None
    assert NewListing.checked(**_NEW, storefront_id=5).lasts is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "ab"),
        ("title", "x" * 256),
        ("description", "x" * 5001),
        ("price", 0.0),
        ("price", float("nan")),
        ("quantity", -1),
        ("status", ""),
        ("status", "ACTIVE"),
        ("status", "gone"),
    ],
)
def test_a_change_names_the_field_at_fault(field, value):
    with pytest.raises(InvalidArgument) as refused:
        ListingChange.checked(**{field: value})
    assert refused.value.fields[0].field == field


def test_a_change_of_nothing_is_refused():
    with pytest.raises(InvalidArgument, match="at least one of"):
        ListingChange.checked()


def test_absent_fields_stay_and_an_empty_description_goes():
    before = listing()
    assert ListingChange.checked(price=20.0).applied_to(before) == listing(
        uuid=before.uuid, price=Decimal("20.00")
    )
    assert ListingChange.checked(description="").applied_to(before).description is None


ALLOWED = {
    ("draft", "active"),
    ("draft", "inactive"),
    ("active", "sold"),
    ("active", "inactive"),
    ("active", "archived"),
    ("inactive", "active"),
    ("inactive", "draft"),
    ("sold", "active"),
}


@pytest.mark.parametrize(("now", "wanted"), list(product(Status, Status)))
def test_a_listing_moves_only_along_its_lines(now, wanted):
    if (now, wanted) in ALLOWED:
        check_transition(now, wanted)
        return
    with pytest.raises(FailedPrecondition) as refused:
        check_transition(now, wanted)
    assert refused.value.metadata == {"from": now, "to": wanted}


@pytest.mark.parametrize(
    ("quantity", "before", "after"),
    [
        (0, "in_stock", "out_of_stock"),
        (3, "out_of_stock", "in_stock"),
        (3, None, "in_stock"),
        (0, "discontinued", "discontinued"),  # it is not coming back because some are left
        (3, "discontinued", "discontinued"),
    ],
)
def test_stock_status_follows_the_quantity(quantity, before, after):
    assert stock_status_of(quantity, before=before) == after


def test_only_the_owner_passes():
    check_owner(listing(user_id=7), 7)
    with pytest.raises(PermissionDenied, match="unauthorized: user does not own this listing"):
        check_owner(listing(user_id=7), 8)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", 0),
        ("category_id", -1),
        ("status", "gone"),
        ("source_type", "b2b"),
        ("min_price", float("nan")),
        ("min_price", -1.0),
        ("max_price", float("inf")),
    ],
)
def test_a_filter_names_the_field_at_fault(field, value):
    with pytest.raises(InvalidArgument) as refused:
        ListingFilter.checked(**{field: value})
    assert refused.value.fields[0].field == field


def test_a_filter_refuses_prices_the_wrong_way_round():
    with pytest.raises(InvalidArgument, match="min_price must not exceed max_price"):
        ListingFilter.checked(min_price=2.0, max_price=1.0)


@pytest.mark.parametrize("storefront_id", [0, -1])
def test_no_storefront_is_no_filter(storefront_id):
    assert ListingFilter.checked(storefront_id=storefront_id, status="", source_type="") == ListingFilter()
