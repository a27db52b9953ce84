"""Changing listings: fields, statuses, owners."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta

import grpc
from providers.catalog import add_listing, rows
from providers.listing_calls import create, get, queued, set_status
from providers.refusals import INVALID, NOT_FOUND, fields_of, refused

from listings.v1 import listings_pb2 as pb

DENIED = grpc.StatusCode.PERMISSION_DENIED
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


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
