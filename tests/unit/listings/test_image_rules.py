"""What may be added as an image, and how images may be ordered."""

from __future__ import annotations

import pytest

from listings.domain.errors import InvalidArgument
from listings.domain.images import NewImage, Place, checked_places


def test_texts_are_cleaned_and_empty_ones_absent():
    new = NewImage.checked(1, "  https://img\x00.example/1.jpg ", storage_path=" ", mime_type="image/\x07png")
    assert (new.url, new.storage_path, new.mime_type) == ("https://img.example/1.jpg", None, "image/png")


def test_what_is_not_given_stays_absent():
    new = NewImage.checked(1, "u")
    assert (new.width, new.height, new.file_size, new.thumbnail_url) == (None, None, None, None)
    assert (new.display_order, new.is_primary) == (0, False)


@pytest.mark.parametrize("field", ["display_order", "width", "height", "file_size"])
def test_sizes_are_not_negative(field):
    assert getattr(NewImage.checked(1, "u", **{field: 0}), field) == 0
    with pytest.raises(InvalidArgument) as refused:
        NewImage.checked(1, "u", **{field: -1})
    assert refused.value.fields[0].field == field


def test_places_are_kept_in_order():
    assert checked_places([(5, 1), (4, 0)]) == [Place(5, 1), Place(4, 0)]


@pytest.mark.parametrize(
    ("places", "field"),
    [
        ([], "image_orders"),
        ([(1, 0)] * 1001, "image_orders"),
        ([(1, 0), (0, 0)], "image_orders[1].image_id"),
        ([(1, 0), (1, 1)], "image_orders[1].image_id"),
        ([(1, -1)], "image_orders[0].display_order"),
    ],
)
def test_bad_places_name_their_element(places, field):
    with pytest.raises(InvalidArgument) as refused:
        checked_places(places)
    assert refused.value.fields[0].field == field
