"""Creating listings: drafts, slugs, sources, and every bad input."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta

import grpc
import pytest
from providers.catalog import add_category, rows
from providers.listing_calls import create, get, queued
from providers.refusals import INVALID, fields_of, refused

from listings.v1 import listings_pb2 as pb


async def test_a_private_sale_begins_as_a_draft_that_ends_in_thirty_days(service, new):
    created = await create(service, new(title="  Oak\ttable ", description="Solid", quantity=0, sku="T-1"))

    assert created.title == "Oak table"
    assert created.slug == "oak-table"
    assert (created.status, created.visibility, created.source_type) == ("draft", "public", "c2c")
    assert (created.quantity, created.stock_status, created.sku) == (0, "out_of_stock", "T-1")
    assert not created.HasField("published_at")
    began, ends = (datetime.fromisoformat(text) for text in (created.created_at, created.expires_at))
    assert ends - began == timedelta(days=30)
    assert await get(service, created.id) == created
    assert await queued(service, created.id) == ["index"]


@pytest.mark.parametrize(("given", "source"), [({}, "b2c"), ({"source_type": "storefront"}, "storefront")])
async def test_a_shops_listing_does_not_expire_and_its_stock_is_in_the_ledger(service, new, given, source):
    created = await create(service, new(storefront_id=3, quantity=5, **given))

    assert (created.source_type, created.storefront_id) == (source, 3)
    assert not created.HasField("expires_at")
    (movement,) = await rows(service.connections, "SELECT * FROM inventory_movements")
    assert (movement["listing_id"], movement["movement_type"], movement["delta"]) == (created.id, "in", 5)


async def test_a_private_sale_writes_no_ledger(service, new):
    await create(service, new(quantity=5))
    assert await rows(service.connections, "SELECT * FROM inventory_movements") == []


async def test_titles_of_every_script_are_accepted(service, new):
    for title in ["漢" * 255, "שולחן עץ", "طاولة خشب", "🎸🎸🎸", "Сто"]:
        created = await create(service, new(title=title))
        assert created.title == title
        assert created.slug


async def test_a_title_without_latin_or_cyrillic_letters_is_named_by_its_uuid(service, new):
    created = await create(service, new(title="🎸🎸🎸"))
    assert created.slug == f"listing-{created.uuid[:8]}"


async def test_equal_titles_get_numbers(service, new):
    slugs = [(await create(service, new())).slug for _ in range(4)]
    assert slugs == ["oak-table", "oak-table-1", "oak-table-2", "oak-table-3"]


async def test_a_long_run_of_equal_titles_is_continued_at_its_end(service, new, category):
    await rows(
        service.connections,
        """INSERT INTO listings (user_id, title, slug, price, category_id)
           SELECT 1, 'Oak table', 'oak-table' || CASE WHEN n > 0 THEN '-' || n ELSE '' END, 1, $1
           FROM generate_series(0, 700) AS n RETURNING id""",
        category,
    )
    assert (await create(service, new())).slug == "oak-table-701"


async def test_the_slug_of_a_deleted_listing_is_free_again(service, new):
    first = await create(service, new())
    await service.stub.DeleteListing(pb.DeleteListingRequest(id=first.id, user_id=7))
    assert (await create(service, new())).slug == "oak-table"


async def test_equal_titles_at_the_same_moment_all_get_slugs_of_their_own(service, new):
    created = await asyncio.gather(*(create(service, new()) for _ in range(40)))
    slugs = {listing.slug for listing in created}
    assert len(slugs) == 40
    assert "oak-table" in slugs


BAD_NEW = [
    ("user_id", 0),
    ("user_id", -1),
    ("storefront_id", 0),
    ("title", ""),
    ("title", "ab"),
    ("title", "\x00\x01\x02"),
    ("title", "x" * 256),
    ("description", "x" * 5001),
    ("price", 0),
    ("price", -1),
    ("price", math.nan),
    ("price", math.inf),
    ("price", 9.999),
    ("price", 1e9),
    ("price", 1e300),
    ("currency", ""),
    ("currency", "rsd"),
    ("currency", "EURO"),
    ("category_id", 0),
    ("category_id", 404),
    ("category_id", 2**63 - 1),
    ("quantity", -1),
    ("sku", "x" * 101),
    ("source_type", "b2b"),
]


async def test_a_bad_new_listing_is_refused_by_field_and_nothing_is_written(service, new):
    for field, value in BAD_NEW:
        error = await refused(service.stub.CreateListing(new(**{field: value})))
        assert (error.code(), fields_of(error)) == (INVALID, [field]), value
    assert await rows(service.connections, "SELECT id FROM listings") == []
    assert await rows(service.connections, "SELECT id FROM indexing_queue") == []


async def test_an_inactive_category_is_no_category(service, new):
    closed = await add_category(service.connections, is_active=False)
    error = await refused(service.stub.CreateListing(new(category_id=closed)))
    assert (error.code(), error.details()) == (INVALID, "category not found")


async def test_text_that_is_not_utf8_is_refused(service):
    broken = b"\x1a\x03\xff\xfe\xfd"  # field 3, title
    call = service.channel.unary_unary("/listings.v1.ListingsService/CreateListing")
    error = await refused(call(broken))
    assert error.code() is INVALID


async def test_a_sku_that_the_storefront_has_already_is_refused(service, new):
    await create(service, new(storefront_id=3, sku="A-1"))
    error = await refused(service.stub.CreateListing(new(storefront_id=3, sku="A-1", title="Another")))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert (await create(service, new(storefront_id=4, sku="A-1"))).sku == "A-1"
