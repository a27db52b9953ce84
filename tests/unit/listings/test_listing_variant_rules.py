"""What the older clients may write into a variant."""

from __future__ import annotations

from decimal import Decimal

import pytest

from listings.domain.errors import InvalidArgument
from listings.domain.listing_variants import (
    ListingVariantChange,
    NewListingVariant,
    VariantSkuTaken,
    check_batch,
)


def test_a_variant_of_nothing_but_defaults():
    new = NewListingVariant.checked()
    assert (new.sku, new.price, new.stock, new.attributes, new.image_url) == (None, None, 0, {}, None)


def test_a_free_variant_is_allowed():
    assert NewListingVariant.checked(price=0.0).price == Decimal("0.00")


def test_absent_fields_stay_as_they_are():
    change = ListingVariantChange.checked(attributes={})
    assert (change.sku, change.price, change.stock, change.attributes) == (None, None, None, None)
    assert (change.image_url, change.is_active) == (None, None)


def test_empty_texts_clear():
    change = ListingVariantChange.checked(sku="", image_url=" ")
    assert (change.sku, change.image_url) == ("", "")


def test_the_place_of_a_bad_variant_is_named():
    with pytest.raises(InvalidArgument) as refused:
        NewListingVariant.checked(stock=-1, place="variants[3].")
    assert refused.value.fields[0].field == "variants[3].stock"
    assert str(refused.value) == "variants[3].stock must be 0 or more"


def test_variants_of_one_call_have_skus_of_their_own():
    some = [NewListingVariant.checked(sku=sku) for sku in ("A", "", "B", "")]
    check_batch(some)
    with pytest.raises(VariantSkuTaken) as refused:
        check_batch([*some, NewListingVariant.checked(sku=" B ")])
    assert refused.value.fields[0].field == "variants[4].sku"
    assert refused.value.metadata == {"sku": "B"}


def test_a_batch_has_an_end():
    check_batch([NewListingVariant.checked()] * 1000)
    with pytest.raises(InvalidArgument):
        check_batch([NewListingVariant.checked()] * 1001)
