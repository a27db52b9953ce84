"""SearchListings over gRPC: what it shows and hides, refuses, keeps and counts. What words find: search/."""

from __future__ import annotations

import pytest
from providers.catalog import add_category, add_listing, insert, rows
from providers.refusals import INVALID, fields_of, refused
from providers.sharing import shares_service

from listings.domain.paging import write_token
from listings.domain.search import SearchQuery
from listings.v1 import listings_pb2 as pb


async def search(service, query: str = "", **fields: object) -> pb.SearchListingsResponse:
    return await service.stub.SearchListings(
        pb.SearchListingsRequest(**{"query": query, "limit": 20, **fields})
    )


def ids(answer: pb.SearchListingsResponse) -> list[int]:
    return [listing.id for listing in answer.listings]


async def searched(service) -> float:
    return service.app.metrics.registry.get_sample_value("listings_listings_searched_total") or 0


@pytest.mark.parametrize(
    "hidden",
    [
        {"status": "draft"},
        {"status": "inactive"},
        {"status": "sold"},
        {"status": "archived"},
        {"visibility": "private"},
        {"visibility": "unlisted"},
        {"is_deleted": True},
    ],
)
async def test_only_active_public_undeleted_listings_are_found(service, hidden):
    shown = await add_listing(service.connections, title="Teapot")
    written = await add_listing(service.connections, title="Teapot", **hidden)
    changed = await add_listing(service.connections, title="Teapot")
    column, value = next(iter(hidden.items()))
    await rows(
        service.connections, f"UPDATE listings SET {column} = $1 WHERE id = $2 RETURNING id", value, changed
    )
    for query in ("", "teapot", "teapto"):
        assert ids(await search(service, query)) == [shown]
    # What becomes visible again is found again.
    await rows(
        service.connections,
        "UPDATE listings SET status = 'active', visibility = 'public', deleted_at = NULL WHERE id = ANY ($1) RETURNING id",
        [written, changed],
    )
    for query in ("", "teapot", "teapto"):
        assert set(ids(await search(service, query, limit=21))) == {shown, written, changed}


async def test_a_deletion_marked_by_time_alone_hides_too(service):
    listing = await add_listing(service.connections, title="Teapot")
    await rows(
        service.connections, "UPDATE listings SET deleted_at = now() WHERE id = $1 RETURNING id", listing
    )
    assert (await search(service, "teapot")).total == 0


async def test_a_changed_title_and_price_are_found_at_once(service):
    listing = await add_listing(service.connections, title="Teapot", user_id=7)
    assert ids(await search(service, "teapot")) == [listing]
    await service.stub.UpdateListing(
        pb.UpdateListingRequest(id=listing, user_id=7, title="Kettle", price=99.5)
    )
    assert (await search(service, "teapot")).total == 0
    found = await search(service, "kettle", min_price=99.5, max_price=99.5)
    assert [(one.id, one.price) for one in found.listings] == [(listing, 99.5)]


async def test_found_listings_are_whole(service):
    listing = await add_listing(service.connections, title="Teapot")
    await insert(
        service.connections,
        "listing_images",
        listing_id=listing,
        url="https://images.example/1.jpg",
        display_order=1,
    )
    await insert(service.connections, "listing_tags", listing_id=listing, tag="tea")
    found = (await search(service, "teapot")).listings[0]
    assert found == (await service.stub.GetListing(pb.GetListingRequest(id=listing))).listing
    assert found.images[0].url == "https://images.example/1.jpg"


async def test_a_kept_answer_belongs_to_all_filters_and_keeps_its_total(service):
    category = await add_category(service.connections)
    cheap = await add_listing(service.connections, title="Teapot", price=5, category_id=category)
    dear = await add_listing(service.connections, title="Teapot", price=50)
    for _ in range(2):  # the second time from the cache
        everything = await search(service, "teapot")
        assert (sorted(ids(everything)), everything.total) == ([cheap, dear], 2)
        for filters in ({"max_price": 10.0}, {"category_id": category}):
            found = await search(service, "teapot", **filters)
            assert (ids(found), found.total) == ([cheap], 1)
        found = await search(service, "teapot", min_price=10.0)
        assert (ids(found), found.total) == ([dear], 1)
        assert (await search(service, "teapot", source_type="b2c")).total == 0
        assert (await search(service, "teapot", storefront_id=12)).total == 0
        assert ids(await search(service, "teapot", sort="price_asc")) == [cheap, dear]
        assert ids(await search(service, "teapot", sort="price_desc")) == [dear, cheap]


async def test_searches_are_counted_whoever_answers_them(service):
    await add_listing(service.connections, title="Teapot")
    before = await searched(service)
    await search(service, "teapot")
    await search(service, "teapot")
    await refused(search(service, "t"))
    assert await searched(service) == before + 2


@pytest.mark.parametrize("query", ["teapot", "teapto", ""])
async def test_pages_are_walked_by_token(service, query):
    written = {await add_listing(service.connections, title="Teapot", price=10 + n % 2) for n in range(7)}
    for sort in ("", "newest", "price_asc", "price_desc"):
        walked, token = [], ""
        while True:
            found = await search(service, query, limit=3, sort=sort, page_token=token)
            assert found.total == 7
            walked += ids(found)
            token = found.next_page_token
            if not token:
                break
        assert len(walked) == 7
        assert set(walked) == written


@shares_service
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"query": "t"}, "query"),
        ({"query": "я"}, "query"),
        ({"query": "x" * 201}, "query"),
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": 101}, "limit"),
        ({"offset": -1}, "offset"),
        ({"sort": "best"}, "sort"),
        ({"source_type": "shop"}, "source_type"),
        ({"category_id": 0}, "category_id"),
        ({"min_price": 10.0, "max_price": 9.99}, "min_price"),
        ({"min_price": -1.0}, "min_price"),
        ({"max_price": float("nan")}, "max_price"),
        ({"max_price": float("inf")}, "max_price"),
        ({"page_token": "forged"}, "page_token"),
        ({"page_token": "ы"}, "page_token"),
        ({"page_token": "x" * 5000}, "page_token"),
    ],
)
async def test_a_broken_rule_is_refused_with_the_field(shared_service, fields, named):
    error = await refused(search(shared_service, **{"query": "teapot", **fields}))
    assert error.code() is INVALID
    assert fields_of(error) == [named]


async def test_a_token_of_another_query_is_refused(service):
    for _ in range(3):
        await add_listing(service.connections, title="Teapot")
    token = (await search(service, "teapot", limit=1)).next_page_token
    for other in ({"query": "kettle"}, {"max_price": 5.0}, {"sort": "newest"}, {"source_type": "c2c"}):
        error = await refused(search(service, **{"query": "teapot", "page_token": token, **other}))
        assert (error.code(), fields_of(error)) == (INVALID, ["page_token"])


@shares_service
async def test_a_token_with_a_key_that_no_listing_has_is_refused(shared_service):
    token = write_token((0, 2**40, 1, "1", 1), query=SearchQuery.checked("teapot"))
    error = await refused(search(shared_service, "teapot", page_token=token))
    assert (error.code(), fields_of(error)) == (INVALID, ["page_token"])


async def test_large_ids_find_nothing(service):
    await add_listing(service.connections, title="Teapot")
    assert (await search(service, "teapot", category_id=2**62)).total == 0
    assert (await search(service, "teapot", storefront_id=2**63 - 1)).total == 0


async def test_every_search_is_answered_with_the_cache_off(start_service):
    async with start_service(cache={"enabled": False}) as service:
        listing = await add_listing(service.connections, title="Teapot")
        for query in ("teapot", "teapto", ""):
            found = await search(service, query)
            assert (ids(found), found.total) == ([listing], 1)
