"""Images over gRPC on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from providers.catalog import add_listing, rows
from providers.refusals import INVALID, NOT_FOUND, fields_of, refused
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb


async def add(service, listing_id: int, **fields: Any) -> pb.ListingImage:
    request = pb.AddImageRequest(listing_id=listing_id, **{"url": "https://img.example/1.jpg", **fields})
    return (await service.stub.AddListingImage(request)).image


async def images_of(service, listing_id: int) -> list[pb.ListingImage]:
    answer = await service.stub.GetListingImages(pb.ListingIDRequest(listing_id=listing_id))
    return list(answer.images)


async def queued(service) -> list[tuple[int, str]]:
    found = await rows(service.connections, "SELECT listing_id, operation FROM indexing_queue ORDER BY id")
    return [(row["listing_id"], row["operation"]) for row in found]


async def test_an_image_is_given_back_with_every_field(service):
    listing = await add_listing(service.connections)
    added = await add(
        service,
        listing,
        storage_path="2026/1.jpg",
        thumbnail_url="https://img.example/1s.jpg",
        display_order=3,
        is_primary=True,
        width=800,
        height=600,
        file_size=5_000_000_000,
        mime_type="image/jpeg",
    )
    assert (added.listing_id, added.url, added.display_order) == (listing, "https://img.example/1.jpg", 3)
    assert (added.width, added.height, added.file_size) == (800, 600, 5_000_000_000)
    assert (added.storage_path, added.mime_type, added.is_primary) == ("2026/1.jpg", "image/jpeg", True)
    assert (await service.stub.GetListingImage(pb.ImageIDRequest(image_id=added.id))).image == added
    assert await queued(service) == [(listing, "update")]


async def test_what_is_not_known_about_a_file_stays_absent(service):
    added = await add(service, await add_listing(service.connections))
    for field in ("storage_path", "thumbnail_url", "width", "height", "file_size", "mime_type"):
        assert not added.HasField(field)


async def test_the_primary_image_comes_first_then_places_then_the_oldest(service):
    listing = await add_listing(service.connections)
    last = await add(service, listing, display_order=2)
    second = await add(service, listing, display_order=1)
    third = await add(service, listing, display_order=1)
    first = await add(service, listing, display_order=9, is_primary=True)
    assert [i.id for i in await images_of(service, listing)] == [first.id, second.id, third.id, last.id]


async def test_a_new_primary_image_takes_the_mark(service):
    listing, other = await add_listing(service.connections), await add_listing(service.connections)
    await add(service, listing, is_primary=True)
    elsewhere = await add(service, other, is_primary=True)
    newest = await add(service, listing, is_primary=True)
    assert [i.id for i in await images_of(service, listing) if i.is_primary] == [newest.id]
    assert [i.id for i in await images_of(service, other) if i.is_primary] == [elsewhere.id]


async def test_of_many_primary_images_added_at_once_one_remains(service):
    listing = await add_listing(service.connections)
    await asyncio.gather(*(add(service, listing, is_primary=True) for _ in range(20)))
    images = await images_of(service, listing)
    assert len(images) == 20
    assert sum(image.is_primary for image in images) == 1


async def test_a_change_of_images_is_seen_by_every_cached_read(service):
    listing = await add_listing(service.connections)

    async def seen() -> tuple[int, int]:
        whole = await service.stub.GetListing(pb.GetListingRequest(id=listing))
        return len(await images_of(service, listing)), len(whole.listing.images)

    assert await seen() == (0, 0)
    added = await add(service, listing)
    assert await seen() == (1, 1)
    await service.stub.DeleteListingImage(pb.ImageIDRequest(image_id=added.id))
    assert await seen() == (0, 0)


async def test_a_removed_image_is_gone_and_its_listing_queued_once(service):
    listing = await add_listing(service.connections)
    asked = pb.ImageIDRequest(image_id=(await add(service, listing)).id)
    await service.stub.DeleteListingImage(asked)
    for method in (service.stub.GetListingImage, service.stub.DeleteListingImage):
        error = await refused(method(asked))
        assert (error.code(), error.details()) == (NOT_FOUND, "image not found")
    assert await queued(service) == [(listing, "update")]


async def test_reordering_moves_the_named_images_and_no_others(service):
    listing, other = await add_listing(service.connections), await add_listing(service.connections)
    a, b, c = [(await add(service, listing, display_order=place)).id for place in range(3)]
    foreign = (await add(service, other, display_order=7)).id
    assert [i.id for i in await images_of(service, listing)] == [a, b, c]  # now cached

    orders = [(a, 5), (b, 0), (foreign, 1), (999_999, 2)]
    await service.stub.ReorderListingImages(
        pb.ReorderImagesRequest(
            listing_id=listing,
            image_orders=[pb.ImageOrder(image_id=image, display_order=place) for image, place in orders],
        )
    )
    assert [(i.id, i.display_order) for i in await images_of(service, listing)] == [(b, 0), (c, 2), (a, 5)]
    assert [i.display_order for i in await images_of(service, other)] == [7]
    assert (listing, "update") in await queued(service)


async def test_reordering_only_foreign_images_is_not_found_and_changes_nothing(service):
    listing, other = await add_listing(service.connections), await add_listing(service.connections)
    foreign = await add(service, other, display_order=7)
    before = await queued(service)
    order = pb.ImageOrder(image_id=foreign.id, display_order=1)
    error = await refused(
        service.stub.ReorderListingImages(pb.ReorderImagesRequest(listing_id=listing, image_orders=[order]))
    )
    assert (error.code(), error.details()) == (NOT_FOUND, "image not found")
    assert [i.display_order for i in await images_of(service, other)] == [7]
    assert await queued(service) == before


@shares_service
@pytest.mark.parametrize(
    ("orders", "field"),
    [
        ([], "image_orders"),  # nothing named
        ([(0, 1)], "image_orders[0].image_id"),
        ([(1, 1), (-4, 1)], "image_orders[1].image_id"),
        ([(1, -1)], "image_orders[0].display_order"),
        ([(1, 1), (1, 2)], "image_orders[1].image_id"),  # twice: which place would hold?
        ([(n, 1) for n in range(1, 1002)], "image_orders"),  # too many
    ],
)
async def test_bad_orders_name_their_element(shared_service, shared_listing, orders, field):
    error = await refused(
        shared_service.stub.ReorderListingImages(
            pb.ReorderImagesRequest(
                listing_id=shared_listing,
                image_orders=[pb.ImageOrder(image_id=i, display_order=p) for i, p in orders],
            )
        )
    )
    assert error.code() is INVALID
    assert fields_of(error) == [field]


@shares_service
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": " \n\x00"}, "url"),  # nothing visible
        ({"url": "u" * 2049}, "url"),
        ({"display_order": -1}, "display_order"),
        ({"width": -1}, "width"),
        ({"height": -1}, "height"),
        ({"file_size": -1}, "file_size"),
        ({"mime_type": "m" * 101}, "mime_type"),
        ({"thumbnail_url": "u" * 2049}, "thumbnail_url"),
        ({"storage_path": "p" * 1025}, "storage_path"),
        ({"listing_id": 0}, "listing_id"),
        ({"listing_id": -1}, "listing_id"),
    ],
)
async def test_a_bad_image_names_its_field_and_is_not_stored(shared_service, shared_listing, fields, field):
    error = await refused(add(shared_service, **{"listing_id": shared_listing, **fields}))
    assert error.code() is INVALID
    assert fields_of(error) == [field]
    assert await images_of(shared_service, shared_listing) == []
    assert await queued(shared_service) == []


async def test_control_characters_do_not_reach_the_database(service):
    added = await add(
        service, await add_listing(service.connections), url="https://img\x00.example/a\x07.jpg"
    )
    assert added.url == "https://img.example/a.jpg"


@pytest.mark.parametrize("state", ["unknown", "deleted", "beyond"])
async def test_no_images_of_a_listing_that_is_not_there(service, state):
    listing = {"unknown": 404, "beyond": 2**63 - 1}.get(state) or await add_listing(
        service.connections, is_deleted=True
    )
    for call in (
        add(service, listing),
        service.stub.ReorderListingImages(
            pb.ReorderImagesRequest(
                listing_id=listing, image_orders=[pb.ImageOrder(image_id=1, display_order=1)]
            )
        ),
    ):
        error = await refused(call)
        assert (error.code(), error.details()) == (NOT_FOUND, "listing not found")
    assert await images_of(service, listing) == []


@shares_service
@pytest.mark.parametrize("method", ["GetListingImage", "DeleteListingImage"])
@pytest.mark.parametrize(
    ("image_id", "code"), [(0, INVALID), (-1, INVALID), (404, NOT_FOUND), (2**63 - 1, NOT_FOUND)]
)
async def test_bad_image_ids(shared_service, method, image_id, code):
    error = await refused(getattr(shared_service.stub, method)(pb.ImageIDRequest(image_id=image_id)))
    assert error.code() is code
