"""Deleting listings: once, wholly, by those who may."""

from __future__ import annotations

import asyncio

import grpc
from providers.catalog import insert, rows
from providers.listing_calls import create, get, queued
from providers.refusals import NOT_FOUND, refused

from listings.v1 import listings_pb2 as pb


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
