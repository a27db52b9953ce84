"""Walking listings for the search index, on a real database."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty
from providers.catalog import add_category, add_listing, insert, rows
from providers.refusals import INVALID, fields_of, refused

from listings.v1 import listings_pb2 as pb


async def batch(service, **fields: int) -> pb.ListingsResponse:
    return await service.stub.GetListingsForReindex(pb.ReindexRequest(**fields))


def ids(answer: pb.ListingsResponse) -> list[int]:
    return [listing.id for listing in answer.listings]


async def add_many(service, count: int, **columns: object) -> list[int]:
    category = await add_category(service.connections)
    return [await add_listing(service.connections, category_id=category, **columns) for _ in range(count)]


async def test_the_walk_shows_every_active_listing_once_by_id(service):
    listings = await add_many(service, 5)
    await add_listing(service.connections, status="draft")
    await add_listing(service.connections, is_deleted=True)

    seen: list[int] = []
    answer = await batch(service, batch_size=2)
    while True:
        assert answer.total == len(answer.listings)
        seen += ids(answer)
        if not answer.HasField("next_cursor"):
            break
        assert answer.next_cursor == seen[-1]
        answer = await batch(service, batch_size=2, last_id=answer.next_cursor)
    assert seen == listings


async def test_a_batch_that_ends_exactly_at_the_last_listing_is_the_last(service):
    listings = await add_many(service, 2)
    answer = await batch(service, batch_size=2)
    assert ids(answer) == listings
    assert not answer.HasField("next_cursor")


async def test_listings_come_whole(service):
    (listing,) = await add_many(service, 1)
    await insert(service.connections, "listing_images", listing_id=listing, url="u")
    await insert(service.connections, "listing_tags", listing_id=listing, tag="new")
    await insert(
        service.connections, "listing_attributes", listing_id=listing, attribute_key="k", attribute_value="v"
    )
    (found,) = (await batch(service)).listings
    whole = await service.stub.GetListing(pb.GetListingRequest(id=listing))
    assert found == whole.listing
    assert (len(found.images), list(found.tags), len(found.attributes)) == (1, ["new"], 1)


async def test_the_batch_size_is_bent_into_bounds(service):
    category = await add_category(service.connections)
    await rows(
        service.connections,
        """INSERT INTO listings (user_id, title, slug, price, category_id, status)
           SELECT 1, 'Listing ' || n, 'l-' || n, 1, $1, 'active' FROM generate_series(1, 1005) n RETURNING id""",
        category,
    )
    assert (await batch(service)).total == 100
    assert (await batch(service, batch_size=-1)).total == 100
    assert (await batch(service, batch_size=5000)).total == 1000


async def test_a_batch_stays_small_enough_to_be_received(service):
    """1000 listings of the longest descriptions would have 15 MB."""
    category = await add_category(service.connections)
    await rows(
        service.connections,
        """INSERT INTO listings (user_id, title, slug, price, category_id, status, description)
           SELECT 1, 'Listing ' || n, 'l-' || n, 1, $1, 'active', repeat('文', 5000)
           FROM generate_series(1, 400) n RETURNING id""",
        category,
    )
    seen = []
    answer = await batch(service, batch_size=1000)
    assert 0 < answer.total < 400
    while True:
        seen += ids(answer)
        if not answer.HasField("next_cursor"):
            break
        answer = await batch(service, batch_size=1000, last_id=answer.next_cursor)
    assert len(seen) == len(set(seen)) == 400


@pytest.mark.parametrize("last_id", [-1, 0])
async def test_a_last_id_of_zero_and_below_is_the_start(service, last_id):
    listings = await add_many(service, 2)
    assert ids(await batch(service, last_id=last_id)) == listings


async def test_nothing_follows_the_highest_id(service):
    await add_many(service, 1)
    answer = await batch(service, last_id=2**63 - 1)
    assert (answer.total, answer.HasField("next_cursor")) == (0, False)


async def queue(service) -> list[tuple[int, str, bool]]:
    found = await rows(service.connections, "SELECT * FROM indexing_queue ORDER BY id")
    return [(row["listing_id"], row["status"], row["processed_at"] is not None) for row in found]


async def test_the_work_of_the_named_listings_is_done_and_no_other(service):
    first, second, other = await add_many(service, 3)
    for listing, status in (
        (first, "pending"),
        (first, "failed"),
        (second, "processing"),
        (other, "pending"),
    ):
        await insert(
            service.connections, "indexing_queue", listing_id=listing, operation="update", status=status
        )
    for _ in range(2):  # idempotent
        await service.stub.ResetReindexFlags(pb.ResetFlagsRequest(listing_ids=[second, first, first, 404]))
        assert await queue(service) == [
            (first, "completed", True),
            (first, "completed", True),
            (second, "completed", True),
            (other, "pending", False),
        ]


async def test_no_listings_at_all_are_fine(service):
    await service.stub.ResetReindexFlags(pb.ResetFlagsRequest())


@pytest.mark.parametrize(
    ("listing_ids", "field"),
    [([1, 0], "listing_ids[1]"), ([-1], "listing_ids[0]"), (range(1, 10_002), "listing_ids")],
)
async def test_bad_ids_name_their_element_and_nothing_is_reset(service, listing_ids, field):
    (listing,) = await add_many(service, 1)
    await insert(service.connections, "indexing_queue", listing_id=listing, operation="update")
    error = await refused(service.stub.ResetReindexFlags(pb.ResetFlagsRequest(listing_ids=listing_ids)))
    assert (error.code(), fields_of(error)) == (INVALID, [field])
    assert await queue(service) == [(listing, "pending", False)]


async def test_synchronizing_discounts_succeeds_and_does_nothing(service):
    assert await service.stub.SyncDiscounts(Empty()) == Empty()
