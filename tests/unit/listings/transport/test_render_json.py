"""How domain values become JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from listings.domain.categories import Category
from listings.transport.render import json as render


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 23, 8, 30, 120, tzinfo=UTC), "2026-11-22T23:08:30.000120Z"),
        # A whole second keeps its fraction, so that texts sort as moments do.
        (datetime(2026, 11, 22, 23, 8, 30, tzinfo=UTC), "2026-11-22T23:08:30.000000Z"),
        (
            datetime(2026, 11, 22, 23, 8, 30, tzinfo=timezone(timedelta(hours=1))),
            "2026-11-22T22:08:30.000000Z",
        ),
        (datetime(2026, 11, 22, 23, 8, 30), "2026-11-22T23:08:30.000000Z"),
    ],
)
def test_moments_are_utc_with_a_fraction(moment, text):
    assert render.moment(moment) == text


@pytest.mark.parametrize(
    ("language", "name"), [(None, "Bikes"), ("ru", "Велосипеды"), ("sr", "Bikes"), ("en", "Bicycles")]
)
def test_a_category_is_named_in_the_language_asked_for(language, name):
    category = Category(
        id=1,
        name="Bikes",
        slug="bikes",
        parent_id=None,
        icon=None,
        description=None,
        is_active=True,
        sort_order=0,
        level=0,
        has_custom_ui=False,
        custom_ui_component=None,
        created_at=None,
        listing_count=0,
        translations={"ru": "Велосипеды", "en": "Bicycles"},
    )
    rendered = render.category(category, language)
    assert rendered["name"] == name
    assert not {"parent_id", "icon", "description", "created_at"} & rendered.keys()
