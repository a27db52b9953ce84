"""Favorites over gRPC on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from providers.catalog import add_listing, rows
from providers.refusals import INVALID, NOT_FOUND, fields_of, refused
from providers.sharing import shares_service

from listings.domain.paging import write_token
from listings.v1 import listings_pb2 as pb

BEYOND = 2**31  # one more than the columns hold


async def add(service, user_id: int, listing_id: int) -> None:
    await service.stub.AddToFavorites(pb.AddToFavoritesRequest(user_id=user_id, listing_id=listing_id))


async def remove(service, user_id: int, listing_id: int) -> None:
    await service.stub.RemoveFromFavorites(
        pb.RemoveFromFavoritesRequest(user_id=user_id, listing_id=listing_id)
    )


async def is_favorite(service, user_id: int, listing_id: int) -> bool:
    answer = await service.stub.IsFavorite(pb.IsFavoriteRequest(user_id=user_id, listing_id=listing_id))
    return answer.is_favorite


async def of_user(service, user_id: int, **fields: Any) -> pb.GetUserFavoritesResponse:
    return await service.stub.GetUserFavorites(pb.GetUserFavoritesRequest(user_id=user_id, **fields))


async def users_of(service, listing_id: int) -> list[int]:
    answer = await service.stub.GetFavoritedUsers(pb.ListingIDRequest(listing_id=listing_id))
    return list(answer.user_ids)


async def counted(service, listing_id: int) -> int:
    """What callers see as favorites_count."""
    answer = await service.stub.GetListing(pb.GetListingRequest(id=listing_id))
    return answer.listing.favorites_count


async def queued(service) -> list[int]:
    return [
        row["listing_id"] for row in await rows(service.connections, "SELECT listing_id FROM indexing_queue")
    ]


async def delete_listing(service, listing_id: int) -> None:
    await rows(
        service.connections, "UPDATE listings SET is_deleted = true WHERE id = $1 RETURNING id", listing_id
    )


async def test_a_favorite_is_kept_counted_and_queued(service):
    listing = await add_listing(service.connections)
    assert not await is_favorite(service, 7, listing)
    assert await counted(service, listing) == 0
    await add(service, 7, listing)
    assert await is_favorite(service, 7, listing)
    assert await users_of(service, listing) == [7]
    assert await counted(service, listing) == 1  # though it was cached just before
    assert await queued(service) == [listing]


async def test_adding_again_changes_nothing(service):
    listing = await add_listing(service.connections)
    await add(service, 7, listing)
    (first,) = await rows(service.connections, "SELECT * FROM listing_favorites")
    await add(service, 7, listing)
    assert await rows(service.connections, "SELECT * FROM listing_favorites") == [first]
    assert await counted(service, listing) == 1


async def test_removing_again_changes_nothing(service):
    listing = await add_listing(service.connections)
    await add(service, 7, listing)
    await add(service, 8, listing)
    await remove(service, 7, listing)
    await remove(service, 7, listing)
    assert await users_of(service, listing) == [8]
    assert await counted(service, listing) == 1


async def test_what_was_never_kept_can_be_removed(service):
    await remove(service, 7, 404)
    await remove(service, 7, await add_listing(service.connections))
    assert await queued(service) == []


async def test_many_users_at_once_are_all_counted(service):
    listing = await add_listing(service.connections)
    await asyncio.gather(*(add(service, user, listing) for user in range(1, 41)))
    assert await counted(service, listing) == 40
    assert await users_of(service, listing) == list(range(1, 41))


async def test_one_user_many_times_at_once_counts_once(service):
    listing = await add_listing(service.connections)
    kept = await asyncio.gather(*(service.app.use_cases.favorites.add(7, listing) for _ in range(20)))
    assert len({favorite.created_at for favorite in kept}) == 1  # each is told when it was first kept
    assert await counted(service, listing) == 1
    await asyncio.gather(*(remove(service, 7, listing) for _ in range(20)))
    assert await counted(service, listing) == 0


async def test_counts_agree_with_favorites_after_adding_and_removing_at_once(service):
    listings = [await add_listing(service.connections) for _ in range(3)]
    for listing in listings:
        await asyncio.gather(*(add(service, user, listing) for user in range(1, 6)))
    await asyncio.gather(
        *(
            change(service, user, listing)
            for listing in listings
            for user in range(1, 11)
            for change in (add, remove)
        )
    )
    for listing in listings:
        assert await counted(service, listing) == len(await users_of(service, listing))


async def test_a_users_favorites_newest_first(service):
    listings = [await add_listing(service.connections) for _ in range(3)]
    for listing in listings:
        await add(service, 7, listing)
    await add(service, 8, listings[0])
    found = await of_user(service, 7)
    assert (list(found.listing_ids), found.total) == (listings[::-1], 3)


async def kept(service, count: int) -> list[int]:
    """Favorites of user 7, newest first."""
    listings = [await add_listing(service.connections) for _ in range(count)]
    for listing in listings:
        await add(service, 7, listing)
    return listings[::-1]


async def test_limit_and_offset_cut_a_page_and_the_total_counts_all(service):
    newest = await kept(service, 5)
    found = await of_user(service, 7, limit=2, offset=1)
    assert (list(found.listing_ids), found.total) == (newest[1:3], 5)
    beyond = await of_user(service, 7, limit=2, offset=9)
    assert (list(beyond.listing_ids), beyond.total, beyond.next_page_token) == ([], 5, "")


@pytest.mark.parametrize("limit", [0, -1])
async def test_without_a_limit_everything_is_given_and_the_offset_ignored(service, limit):
    newest = await kept(service, 5)
    found = await of_user(service, 7, limit=limit, offset=3)
    assert (list(found.listing_ids), found.total, found.next_page_token) == (newest, 5, "")


async def test_tokens_walk_to_the_end_while_new_favorites_arrive(service):
    newest = await kept(service, 4)
    first = await of_user(service, 7, limit=2)
    await kept(service, 1)
    second = await of_user(service, 7, limit=2, page_token=first.next_page_token)
    assert list(first.listing_ids) + list(second.listing_ids) == newest
    assert second.next_page_token == ""


async def test_ties_of_one_moment_are_shown_once_each(service):
    listings = [await add_listing(service.connections) for _ in range(3)]
    await rows(
        service.connections,
        "INSERT INTO listing_favorites SELECT 7, unnest($1::int[]), now() RETURNING listing_id",
        listings,
    )
    found: list[int] = []
    token = ""
    while True:
        page = await of_user(service, 7, limit=1, page_token=token)
        found += page.listing_ids
        token = page.next_page_token
        if not token:
            break
    assert found == listings[::-1]


@shares_service
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"limit": 5, "offset": -1}, "offset"),
        ({"limit": 5, "offset": 1_000_001}, "offset"),
        ({"limit": 5, "page_token": "forged"}, "page_token"),
        ({"page_token": "forged"}, "page_token"),
        ({"page_token": write_token((1, 1), query=("favorites", 8))}, "page_token"),  # another user's
        ({"page_token": write_token(("soon", 1), query=("favorites", 7))}, "page_token"),
        ({"page_token": write_token((10**30, 1), query=("favorites", 7))}, "page_token"),
        ({"page_token": write_token((1, 10**30), query=("favorites", 7))}, "page_token"),
    ],
)
async def test_a_bad_page_names_its_field(shared_service, fields, field):
    error = await refused(of_user(shared_service, 7, **fields))
    assert (error.code(), fields_of(error)) == (INVALID, [field])


async def test_favorites_of_a_deleted_listing_are_not_shown(service):
    stays, goes = await add_listing(service.connections), await add_listing(service.connections)
    await add(service, 7, stays)
    await add(service, 7, goes)
    await delete_listing(service, goes)
    found = await of_user(service, 7)
    assert (list(found.listing_ids), found.total) == ([stays], 1)
    assert not await is_favorite(service, 7, goes)
    assert await users_of(service, goes) == []


async def test_a_deleted_listing_can_be_dropped_but_not_kept(service):
    listing = await add_listing(service.connections)
    await add(service, 7, listing)
    await delete_listing(service, listing)
    await rows(service.connections, "UPDATE indexing_queue SET operation = 'delete' RETURNING id")

    error = await refused(add(service, 8, listing))
    assert (error.code(), error.details()) == (NOT_FOUND, "listing not found")
    await remove(service, 7, listing)
    assert await rows(service.connections, "SELECT * FROM listing_favorites") == []
    (row,) = await rows(service.connections, "SELECT operation FROM indexing_queue")
    assert row["operation"] == "delete"  # not forgotten behind an update


async def test_the_rows_of_a_listing_that_is_gone_go_with_it(service):
    listing = await add_listing(service.connections)
    await add(service, 7, listing)
    await rows(service.connections, "DELETE FROM listings WHERE id = $1 RETURNING id", listing)
    assert await rows(service.connections, "SELECT * FROM listing_favorites") == []


@shares_service
@pytest.mark.parametrize(("user_id", "listing_id"), [(7, 404), (7, BEYOND), (7, 2**63 - 1)])
async def test_an_unknown_listing_is_not_found(shared_service, user_id, listing_id):
    error = await refused(add(shared_service, user_id, listing_id))
    assert (error.code(), error.details()) == (NOT_FOUND, "listing not found")


@shares_service
async def test_ids_beyond_the_columns_have_no_favorites(shared_service, shared_listing):
    assert (await refused(add(shared_service, BEYOND, shared_listing))).code() is NOT_FOUND
    await remove(shared_service, BEYOND, shared_listing)
    await remove(shared_service, 7, BEYOND)
    assert not await is_favorite(shared_service, BEYOND, shared_listing)
    assert not await is_favorite(shared_service, 7, BEYOND)
    assert (await of_user(shared_service, BEYOND, limit=5)).total == 0
    assert await users_of(shared_service, BEYOND) == []
    assert await rows(shared_service.connections, "SELECT * FROM listing_favorites") == []


@shares_service
@pytest.mark.parametrize(
    ("user_id", "listing_id", "field"),
    [(0, 1, "user_id"), (-1, 1, "user_id"), (1, 0, "listing_id"), (1, -1, "listing_id")],
)
async def test_ids_of_zero_and_below_name_their_field(shared_service, user_id, listing_id, field):
    for call in (add, remove, is_favorite):
        error = await refused(call(shared_service, user_id, listing_id))
        assert (error.code(), fields_of(error)) == (INVALID, [field])


@shares_service
async def test_lists_of_ids_of_zero_name_their_field(shared_service):
    assert fields_of(await refused(of_user(shared_service, 0))) == ["user_id"]
    assert fields_of(await refused(users_of(shared_service, 0))) == ["listing_id"]
