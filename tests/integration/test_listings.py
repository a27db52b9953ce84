"""Creating, reading, changing and deleting listings over gRPC on a real database."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta

import grpc
import pytest
from providers.catalog import add_category, add_listing, insert, rows
from providers.refusals import INVALID, NOT_FOUND, fields_of, refused

from listings.v1 import listings_pb2 as pb

DENIED = grpc.StatusCode.PERMISSION_DENIED
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
async def category(service):
    return await add_category(service.connections)


@pytest.fixture
async def new(category):
    """Make requests that differ from a valid one in the named fields."""

    def request(**fields: object) -> pb.CreateListingRequest:
        valid = {
            "user_id": 7,
            "title": "Oak table",
            "price": 10.5,
            "currency": "RSD",
            "category_id": category,
            "quantity": 1,
        }
        return pb.CreateListingRequest(**{**valid, **fields})

    return request


async def create(service, request) -> pb.Listing:
    return (await service.stub.CreateListing(request)).listing


async def get(service, listing_id) -> pb.Listing:
    return (await service.stub.GetListing(pb.GetListingRequest(id=listing_id))).listing


async def queued(service, listing_id) -> list[str]:
    found = await rows(
        service.connections,
        "SELECT operation FROM indexing_queue WHERE listing_id = $1 AND status = 'pending'",
        listing_id,
    )
    return [row["operation"] for row in found]


# ---- reading ----


async def test_a_listing_is_read_with_all_that_belongs_to_it(service):
    c = service.connections
    listing_id = await add_listing(c, title="Oak table", price=10.5, sku="A-1")
    await insert(c, "listing_images", listing_id=listing_id, url="second", display_order=1)
    await insert(c, "listing_images", listing_id=listing_id, url="third", display_order=1)
    await insert(c, "listing_images", listing_id=listing_id, url="first", display_order=9, is_primary=True)
    await insert(c, "listing_attributes", listing_id=listing_id, attribute_key="wood", attribute_value="oak")
    await insert(c, "listing_tags", listing_id=listing_id, tag="furniture")
    await insert(c, "listing_locations", listing_id=listing_id, city="Novi Sad", latitude=45.25)
    await insert(
        c,
        "product_variants",
        product_id=listing_id,
        sku="A-1-L",
        price=12,
        stock_quantity=4,
        variant_attributes='{"size": "L", "legs": 4}',
    )

    listing = await get(service, listing_id)

    assert (listing.title, listing.price, listing.sku, listing.status) == ("Oak table", 10.5, "A-1", "active")
    assert [image.url for image in listing.images] == ["first", "second", "third"]
    assert [(a.attribute_key, a.attribute_value) for a in listing.attributes] == [("wood", "oak")]
    assert list(listing.tags) == ["furniture"]
    assert (listing.location.city, listing.location.latitude) == ("Novi Sad", 45.25)
    assert not listing.location.HasField("longitude")
    (variant,) = listing.variants
    assert (variant.sku, variant.price, variant.stock) == ("A-1-L", 12, 4)
    assert dict(variant.attributes) == {"size": "L", "legs": "4"}
    assert not listing.HasField("storefront_id")
    assert not listing.HasField("deleted_at")
    assert listing.created_at.endswith("Z")


async def test_listings_of_every_status_are_read(service):
    for status in ("draft", "active", "inactive", "sold", "archived"):
        assert (await get(service, await add_listing(service.connections, status=status))).status == status


async def test_an_unknown_listing_is_not_found(service):
    for listing_id in (404, 2**63 - 1):
        error = await refused(service.stub.GetListing(pb.GetListingRequest(id=listing_id)))
        assert error.code() is NOT_FOUND
        assert error.details().startswith("listing not found")


async def test_an_id_that_no_listing_can_have_is_refused(service):
    for listing_id in (0, -1):
        error = await refused(service.stub.GetListing(pb.GetListingRequest(id=listing_id)))
        assert (error.code(), fields_of(error)) == (INVALID, ["id"])


async def test_many_readers_at_once_each_get_their_own_listing(service):
    ids = [await add_listing(service.connections) for _ in range(20)]
    answers = await asyncio.gather(*(get(service, listing_id) for listing_id in ids * 5))
    assert [answer.id for answer in answers] == ids * 5


# ---- creating ----


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


# ---- changing ----


async def test_absent_fields_stay_as_they_are(service, new):
    created = await create(service, new(description="Solid"))
    await get(service, created.id)  # cached

    changed = await service.stub.UpdateListing(
        pb.UpdateListingRequest(id=created.id, user_id=7, title="Elm table", price=20.25, quantity=3)
    )

    listing = changed.listing
    assert (listing.title, listing.price, listing.quantity) == ("Elm table", 20.25, 3)
    assert (listing.description, listing.slug, listing.status) == ("Solid", "oak-table", "draft")
    assert await get(service, created.id) == listing, "a caller reads its own write through the cache"


async def test_every_change_is_queued_once(service, new):
    created = await create(service, new())
    for price in (11, 12, 13):
        await service.stub.UpdateListing(pb.UpdateListingRequest(id=created.id, user_id=7, price=price))
    assert await queued(service, created.id) == ["update"]


async def test_an_empty_description_removes_it(service, new):
    created = await create(service, new(description="Solid"))
    changed = await service.stub.UpdateListing(
        pb.UpdateListingRequest(id=created.id, user_id=7, description="")
    )
    assert not changed.listing.HasField("description")


async def test_a_shops_quantity_change_is_in_the_ledger(service, new):
    created = await create(service, new(storefront_id=3, quantity=5))
    await service.stub.UpdateListing(pb.UpdateListingRequest(id=created.id, user_id=7, quantity=0))
    movements = await rows(
        service.connections, "SELECT movement_type, delta, stock_after FROM inventory_movements ORDER BY id"
    )
    assert [tuple(movement.values()) for movement in movements] == [("in", 5, 5), ("adjustment", -5, 0)]
    assert (await get(service, created.id)).stock_status == "out_of_stock"


async def set_status(service, listing_id, status) -> pb.Listing:
    changed = await service.stub.UpdateListing(
        pb.UpdateListingRequest(id=listing_id, user_id=7, status=status)
    )
    return changed.listing


async def test_becoming_active_publishes_and_starts_the_thirty_days_anew(service, new):
    created = await create(service, new())
    await rows(
        service.connections,
        "UPDATE listings SET expires_at = now() + interval '1 day' WHERE id = $1 RETURNING id",
        created.id,
    )
    active = await set_status(service, created.id, "active")
    assert active.published_at == active.updated_at
    renewed = datetime.fromisoformat(active.expires_at) - datetime.fromisoformat(active.updated_at)
    assert renewed == timedelta(days=30)


async def test_leaving_active_renews_nothing(service, new):
    created = await create(service, new())
    active = await set_status(service, created.id, "active")
    sold = await set_status(service, created.id, "sold")
    assert (sold.published_at, sold.expires_at) == (active.published_at, active.expires_at)


async def test_a_status_that_cannot_follow_is_refused(service):
    for now, wanted in (
        ("draft", "draft"),
        ("active", "draft"),
        ("sold", "inactive"),
        ("archived", "active"),
    ):
        listing_id = await add_listing(service.connections, status=now)
        error = await refused(set_status(service, listing_id, wanted))
        assert error.code() is PRECONDITION
        assert (await get(service, listing_id)).status == now


BAD_CHANGES = [
    ("id", 0),
    ("user_id", 0),
    ("title", "ab"),
    ("title", "x" * 256),
    ("description", "x" * 5001),
    ("price", 0),
    ("price", math.nan),
    ("price", 9.999),
    ("quantity", -1),
    ("status", ""),
    ("status", "gone"),
]


async def test_a_bad_change_is_refused_by_field_and_nothing_is_written(service, new):
    created = await create(service, new())
    for field, value in BAD_CHANGES:
        changed = {"id": created.id, "user_id": 7, "title": "Elm table", field: value}
        error = await refused(service.stub.UpdateListing(pb.UpdateListingRequest(**changed)))
        assert (error.code(), fields_of(error)) == (INVALID, [field]), value
    assert await get(service, created.id) == created


async def test_a_change_of_nothing_is_refused(service, new):
    created = await create(service, new())
    error = await refused(service.stub.UpdateListing(pb.UpdateListingRequest(id=created.id, user_id=7)))
    assert error.code() is INVALID


async def test_nobody_changes_or_deletes_somebody_elses_listing(service, new):
    created = await create(service, new())
    for call in (
        service.stub.UpdateListing(pb.UpdateListingRequest(id=created.id, user_id=8, price=1)),
        service.stub.DeleteListing(pb.DeleteListingRequest(id=created.id, user_id=8)),
    ):
        error = await refused(call)
        assert error.code() is DENIED
        assert error.details() == "unauthorized: user does not own this listing"
    assert await get(service, created.id) == created


async def test_an_unknown_listing_cannot_be_changed_or_deleted(service):
    for listing_id in (404, 2**63 - 1):
        for call in (
            service.stub.UpdateListing(pb.UpdateListingRequest(id=listing_id, user_id=7, price=1)),
            service.stub.DeleteListing(pb.DeleteListingRequest(id=listing_id, user_id=7)),
        ):
            error = await refused(call)
            assert (error.code(), error.details()) == (NOT_FOUND, "listing not found")


async def test_changes_of_different_fields_at_once_are_all_kept(service, new):
    created = await create(service, new())
    changes = [{"title": "Elm table"}, {"price": 20}, {"quantity": 9}, {"description": "Solid"}]
    await asyncio.gather(
        *(
            service.stub.UpdateListing(pb.UpdateListingRequest(id=created.id, user_id=7, **change))
            for change in changes
        )
    )
    listing = await get(service, created.id)
    assert (listing.title, listing.price, listing.quantity, listing.description) == (
        "Elm table",
        20,
        9,
        "Solid",
    )


# ---- deleting ----


async def test_a_deleted_listing_is_gone_from_every_read_and_its_images_with_it(service, new):
    created = await create(service, new())
    await insert(service.connections, "listing_images", listing_id=created.id, url="x")
    await get(service, created.id)
    await service.stub.ListListings(pb.ListListingsRequest(limit=10))

    answer = await service.stub.DeleteListing(pb.DeleteListingRequest(id=created.id, user_id=7))

    assert answer.success
    assert (await refused(service.stub.GetListing(pb.GetListingRequest(id=created.id)))).code() is NOT_FOUND
    page = await service.stub.ListListings(pb.ListListingsRequest(limit=10))
    assert (len(page.listings), page.total) == (0, 0)
    (row,) = await rows(service.connections, "SELECT is_deleted, deleted_at FROM listings")
    assert row["is_deleted"]
    assert row["deleted_at"] is not None
    assert await rows(service.connections, "SELECT id FROM listing_images") == []
    assert await queued(service, created.id) == ["delete"]


async def test_a_second_delete_finds_nothing(service, new):
    created = await create(service, new())
    request = pb.DeleteListingRequest(id=created.id, user_id=7)
    await service.stub.DeleteListing(request)
    assert (await refused(service.stub.DeleteListing(request))).code() is NOT_FOUND


async def test_deletes_at_once_succeed_once(service, new):
    created = await create(service, new())
    request = pb.DeleteListingRequest(id=created.id, user_id=7)
    outcomes = await asyncio.gather(
        *(service.stub.DeleteListing(request) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, pb.DeleteListingResponse) for outcome in outcomes) == 1
    codes = {outcome.code() for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)}
    assert codes == {NOT_FOUND}


async def test_a_change_and_a_delete_at_once_leave_the_listing_deleted(service, new):
    for _ in range(5):
        created = await create(service, new())
        await asyncio.gather(
            service.stub.UpdateListing(pb.UpdateListingRequest(id=created.id, user_id=7, status="active")),
            service.stub.DeleteListing(pb.DeleteListingRequest(id=created.id, user_id=7)),
            return_exceptions=True,
        )
        error = await refused(service.stub.GetListing(pb.GetListingRequest(id=created.id)))
        assert error.code() is NOT_FOUND
        assert await queued(service, created.id) == ["delete"]


async def test_an_admin_deletes_anybodys_listing(service, new):
    created = await create(service, new())
    await service.stub.DeleteListing(pb.DeleteListingRequest(id=created.id, user_id=8, is_admin=True))
    assert (await refused(service.stub.GetListing(pb.GetListingRequest(id=created.id)))).code() is NOT_FOUND


async def test_changes_are_counted(service, new):
    created = await create(service, new())
    await service.stub.UpdateListing(pb.UpdateListingRequest(id=created.id, user_id=7, price=1))
    await service.stub.DeleteListing(pb.DeleteListingRequest(id=created.id, user_id=7))
    registry = service.app.metrics.registry
    for what in ("created", "updated", "deleted"):
        assert registry.get_sample_value(f"listings_listings_{what}_total") == 1
