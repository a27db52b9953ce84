"""Rules of products and variants that need no database."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.db.products import FreeSlug
from listings.domain.attributes import attributes
from listings.domain.errors import InvalidArgument
from listings.domain.listing_variants import VariantSkuTaken
from listings.domain.listings import Status
from listings.domain.masks import chosen
from listings.domain.products import NewProduct, Product, ProductChange
from listings.domain.variants import NewVariant, check_together
from listings.usecases.product_batch import spread

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCT = Product(
    1, 2, "Oak chair", "d", Decimal(5), "EUR", 3, "A", "B", 4, "in_stock", Status.ACTIVE, {}, 0, 0, NOW, NOW, False,
    None, None, None, "exact", False, False,
)  # fmt: skip
VALID = {"name": "Oak chair", "price": 5.0, "currency": "EUR", "category_id": 1}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " a "}, "name"),  # too short once trimmed
        ({"name": "\u200b" * 5}, "name"),  # nothing to see
        ({"price": 0.001}, "price"),
        ({"price": math.inf}, "price"),
        ({"currency": "EURO"}, "currency"),
        ({"category_id": 0}, "category_id"),
        ({"stock_quantity": -1}, "stock_quantity"),
        ({"stock_quantity": 2**31}, "stock_quantity"),
        ({"individual_latitude": 90.1}, "individual_latitude"),
        ({"individual_longitude": math.nan}, "individual_longitude"),
        ({"location_privacy": "secret"}, "location_privacy"),
        ({"attributes": {"a": {"b": [1.0, math.nan]}}}, "attributes.a.b[1]"),
    ],
)
def test_a_broken_rule_names_its_field(given, field):
    with pytest.raises(InvalidArgument) as refused:
        NewProduct.checked(**{**VALID, **given})
    assert [broken.field for broken in refused.value.fields] == [field]


def test_empty_texts_of_a_new_product_are_absent():
    product = NewProduct.checked(**VALID, sku="", barcode=" ", location_privacy="")
    assert (product.sku, product.barcode, product.location_privacy) == (None, None, None)


def test_degrees_are_kept_to_the_eighth_decimal():
    product = NewProduct.checked(**VALID, individual_latitude=44.123456789)
    assert product.individual_latitude == Decimal("44.12345679")


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        (Status.ACTIVE, False, Status.INACTIVE),
        (Status.INACTIVE, True, Status.ACTIVE),
        (Status.DRAFT, True, Status.ACTIVE),
        (Status.DRAFT, False, Status.DRAFT),  # it is not on sale already
        (Status.SOLD, False, Status.SOLD),
        (Status.ACTIVE, None, Status.ACTIVE),
    ],
)
def test_activity_is_a_matter_of_status(before, wanted, after):
    product = ProductChange(is_active=wanted, name="Elm").applied_to(
        ProductChange(description="x").applied_to(PRODUCT.__class__(*_with_status(before)))
    )
    assert (product.status, product.is_active) == (after, after is Status.ACTIVE)


def _with_status(status: Status):
    return [status if name == "status" else getattr(PRODUCT, name) for name in Product.__slots__]


def test_a_change_of_nothing_is_known_as_such():
    assert ProductChange().is_empty
    assert ProductChange.checked({}).is_empty
    assert not ProductChange.checked({"sku": ""}).is_empty


def test_a_mask_keeps_what_it_names_of_what_is_present():
    present = {"name": 1, "price": 2}
    known = {"name", "price", "sku"}
    assert chosen(present, [], writable=known) == present
    assert chosen(present, ["price", "sku"], writable=known) == {"price": 2}
    with pytest.raises(InvalidArgument, match="title"):
        chosen(present, ["title"], writable=known)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_stored_structures_hold_no_control_characters_and_stay_as_they_are(value):
    once = attributes(value)
    assert "\x00" not in repr(once).replace("\\x00", "\x00")
    assert attributes(once) == once


@given(
    st.lists(st.sampled_from(["chair", "chair-1", "chair-2", "table"]), max_size=12),
    st.dictionaries(
        st.sampled_from(["chair", "chair-1", "table"]), st.tuples(st.booleans(), st.integers(1, 3))
    ),
)
def test_no_two_items_of_a_batch_share_a_slug(wanted, taken):
    free = {slug: FreeSlug(is_taken, number) for slug, (is_taken, number) in taken.items()}
    uuids = {index: UUID(int=index << 96) for index in range(len(wanted))}
    slugs = spread(dict(enumerate(wanted)), free, uuids)
    assert len(set(slugs.values())) == len(wanted)
    assert not {slug for slug, place in free.items() if place.is_taken} & set(slugs.values())


def test_taken_slugs_are_numbered_from_the_first_free_number():
    wanted = {0: "chair", 1: "chair", 2: "table"}
    uuids = {index: UUID(int=index) for index in wanted}
    assert spread(wanted, {"chair": FreeSlug(True, 7)}, uuids) == {0: "chair-7", 1: "chair-8", 2: "table"}
    assert spread(wanted, {"chair": FreeSlug(False, 1)}, uuids) == {0: "chair", 1: "chair-1", 2: "table"}


@pytest.mark.parametrize(
    ("stock", "threshold", "status"),
    [
        (0, 5, "out_of_stock"),
        (1, 5, "low_stock"),
        (5, 5, "low_stock"),
        (6, 5, "in_stock"),
        (1, 0, "in_stock"),
    ],
)
def test_the_stock_status_of_a_variant(stock, threshold, status):
    assert NewVariant(stock_quantity=stock, low_stock_threshold=threshold).stock_status == status


def test_variants_without_sku_do_not_share_one():
    check_together([NewVariant(), NewVariant(), NewVariant(sku="A"), NewVariant(sku="B")])
    with pytest.raises(VariantSkuTaken):
        check_together([NewVariant(sku="A"), NewVariant(sku="A")])
