"""ListListings: filters, order, totals, cursors, the cache, and the indexes under them."""

from __future__ import annotations

import asyncio
import math
import re
from datetime import UTC, datetime, timedelta

import pytest
from providers.catalog import add_category, add_listing, insert, rows
from providers.refusals import INVALID, fields_of, refused

from listings.db.listings import page_statement
from listings.domain.listings import ListingFilter, Status
from listings.v1 import listings_pb2 as pb

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=[True, False], ids=["cached", "uncached"])
async def any_service(request, start_service):
    """Run with the cache and without it: callers must not see a difference."""
    async with start_service(cache={"enabled": request.param}) as running:
        yield running


async def page(service, **fields: object) -> pb.ListListingsResponse:
    return await service.stub.ListListings(pb.ListListingsRequest(**{"limit": 100, **fields}))


async def walk(service, **fields: object) -> list[int]:
    """Every id of a list, page by page, as its cursors lead."""
    found: list[int] = []
    token = ""
    while True:
        answer = await page(service, page_token=token, **fields)
        found += [listing.id for listing in answer.listings]
        token = answer.next_page_token
        if not token:
            return found


async def test_filters_narrow_alone_and_together(any_service):
    c = any_service.connections
    cars, homes = await add_category(c), await add_category(c)
    mine = await add_listing(c, user_id=1, category_id=cars, price=100, status="active", created_at=_NOW)
    shop = await add_listing(
        c, user_id=2, category_id=cars, price=200, status="sold", storefront_id=5, source_type="b2c"
    )
    draft = await add_listing(c, user_id=1, category_id=homes, price=300, status="draft")
    gone = await add_listing(c, user_id=1, category_id=cars, price=100)
    await rows(c, "UPDATE listings SET is_deleted = true WHERE id = $1 RETURNING id", gone)

    for fields, expected in [
        ({}, {mine, shop, draft}),  # every status, drafts included
        ({"user_id": 1}, {mine, draft}),
        ({"category_id": cars}, {mine, shop}),
        ({"status": "sold"}, {shop}),
        ({"storefront_id": 5}, {shop}),
        ({"storefront_id": 0}, {mine, shop, draft}),  # no storefront is no filter
        ({"storefront_id": -1}, {mine, shop, draft}),
        ({"source_type": "b2c"}, {shop}),
        ({"min_price": 200}, {shop, draft}),  # bounds are inclusive
        ({"max_price": 200}, {mine, shop}),
        ({"min_price": 100.01, "max_price": 299.99}, {shop}),
        ({"user_id": 1, "category_id": cars, "status": "active"}, {mine}),
        ({"user_id": 404}, set()),
        ({"category_id": 2**63 - 1}, set()),
    ]:
        answer = await page(any_service, **fields)
        assert ({listing.id for listing in answer.listings}, answer.total) == (expected, len(expected)), (
            fields
        )


async def test_newest_first_and_ids_decide_between_equal_times(any_service):
    c = any_service.connections
    category = await add_category(c)
    older = await add_listing(c, category_id=category, created_at=_NOW - timedelta(days=1))
    equal = [await add_listing(c, category_id=category, created_at=_NOW) for _ in range(5)]
    expected = [*reversed(equal), older]

    assert [listing.id for listing in (await page(any_service)).listings] == expected
    assert await walk(any_service, limit=2) == expected
    by_offset = [
        listing.id
        for offset in range(0, 6, 2)
        for listing in (await page(any_service, limit=2, offset=offset)).listings
    ]
    assert by_offset == expected


async def test_the_last_page_has_no_cursor_even_when_it_is_full(any_service):
    category = await add_category(any_service.connections)
    for _ in range(4):
        await add_listing(any_service.connections, category_id=category)
    first = await page(any_service, limit=2)
    last = await page(any_service, limit=2, page_token=first.next_page_token)
    assert (len(last.listings), last.next_page_token, last.total) == (2, "", 4)


async def test_rows_that_arrive_meanwhile_shift_no_cursor(any_service):
    category = await add_category(any_service.connections)
    ids = [await add_listing(any_service.connections, category_id=category) for _ in range(4)]
    first = await page(any_service, limit=2)
    await add_listing(any_service.connections, category_id=category)
    second = await page(any_service, limit=2, page_token=first.next_page_token)
    assert [listing.id for listing in [*first.listings, *second.listings]] == ids[::-1]


async def test_a_page_beyond_the_end_is_empty_and_still_tells_the_total(any_service):
    await add_listing(any_service.connections)
    answer = await page(any_service, offset=50)
    assert (len(answer.listings), answer.total, answer.next_page_token) == (0, 1, "")


async def test_pages_carry_what_belongs_to_each_listing(any_service):
    c = any_service.connections
    category = await add_category(c)
    ids = [await add_listing(c, category_id=category) for _ in range(3)]
    for listing_id in ids:
        await insert(c, "listing_images", listing_id=listing_id, url=f"image-of-{listing_id}")
    answer = await page(any_service)
    assert [listing.images[0].url for listing in answer.listings] == [f"image-of-{i}" for i in ids[::-1]]


async def test_a_caller_sees_its_own_writes_on_every_page(any_service):
    category = await add_category(any_service.connections)
    request = pb.CreateListingRequest(
        user_id=7, title="Oak table", price=1, currency="RSD", category_id=category, quantity=1
    )
    for number in range(1, 4):
        created = (await any_service.stub.CreateListing(request)).listing
        answer = await page(any_service, category_id=category)
        assert (answer.listings[0].id, answer.total) == (created.id, number)

    await any_service.stub.UpdateListing(pb.UpdateListingRequest(id=created.id, user_id=7, status="active"))
    assert (await page(any_service, category_id=category, status="active")).total == 1
    await any_service.stub.DeleteListing(pb.DeleteListingRequest(id=created.id, user_id=7))
    assert (await page(any_service, category_id=category)).total == 2
    assert (await page(any_service, category_id=category, status="active")).total == 0


async def test_equal_questions_at_once_are_counted_once(service):
    category = await add_category(service.connections)
    await add_listing(service.connections, category_id=category)

    def pages_read() -> float:
        labels = {"operation": "listings.page"}
        return service.app.metrics.registry.get_sample_value("listings_db_queries_total", labels) or 0

    before = pages_read()
    answers = await asyncio.gather(*(page(service, category_id=category) for _ in range(30)))
    assert {answer.total for answer in answers} == {1}
    assert pages_read() - before == 1


BAD_PAGES = [
    ("limit", 0),
    ("limit", -1),
    ("limit", 101),
    ("limit", 2**31 - 1),
    ("offset", -1),
    ("offset", 2**31 - 1),
    ("user_id", 0),
    ("category_id", -1),
    ("status", "gone"),
    ("source_type", "b2b"),
    ("min_price", math.nan),
    ("max_price", math.inf),
    ("min_price", -1),
    ("page_token", "made-up"),
    ("page_token", "A" * 5000),
    ("page_token", "\x00"),
]


async def test_a_bad_page_is_refused_by_field(service):
    for field, value in BAD_PAGES:
        error = await refused(page(service, **{field: value}))
        assert (error.code(), fields_of(error)) == (INVALID, [field]), value
    error = await refused(page(service, min_price=2, max_price=1))
    assert (error.code(), fields_of(error)) == (INVALID, ["min_price"])


async def test_a_cursor_belongs_to_its_filters(service):
    category = await add_category(service.connections)
    for _ in range(2):
        await add_listing(service.connections, category_id=category)
    token = (await page(service, limit=1)).next_page_token
    error = await refused(page(service, limit=1, page_token=token, category_id=category))
    assert (error.code(), fields_of(error)) == (INVALID, ["page_token"])


PLANS = [
    # filter, the index that must give the page in its order: at its beginning, after a cursor, or deep
    (ListingFilter(category_id=5), "idx_listings_category_page"),
    (ListingFilter(category_id=5, status=Status.ACTIVE), "idx_listings_category_page"),
    (ListingFilter(user_id=5), "idx_listings_user_page"),
    (ListingFilter(storefront_id=5), "idx_listings_storefront_page"),
    # of few statuses, either order is as good: skipping four rows of five costs a small table little
    (ListingFilter(status=Status.ACTIVE), "idx_listings_(status|newest)_page"),
    (ListingFilter(), "idx_listings_newest_page"),
]


async def test_pages_are_read_in_index_order_whatever_the_parameters(service):
    c = service.connections
    await rows(
        c, "INSERT INTO categories (name, slug) SELECT n, n FROM generate_series(1, 50) n RETURNING id"
    )
    await rows(
        c,
        """INSERT INTO listings (user_id, storefront_id, title, slug, price, category_id, status, created_at)
           SELECT n % 90 + 1, n % 40 + 1, 'Listing ' || n, 'listing-' || n, 1, n % 50 + 1,
                  (ARRAY['active', 'draft', 'sold', 'inactive', 'archived'])[n % 5 + 1], now() - n * interval '1 minute'
           FROM generate_series(1, 5000) n RETURNING id""",
    )
    async with c.session() as session:
        await session.connection.execute("VACUUM ANALYZE listings")
    for wanted, index in PLANS:
        for offset, after in ((0, None), (0, (_NOW, 1000)), (60, None)):
            plan = await generic_plan(
                c, *page_statement(wanted, limit=21, offset=offset, after=after, count=False)
            )
            assert re.search(index, plan), (wanted, plan)
            assert plan.count("Sort Key: l") == 1, (wanted, plan)  # of the page itself, by l.created_at
            assert "Seq Scan on listings" not in plan, (wanted, plan)


async def generic_plan(connections, statement, parameters) -> str:
    """The plan that sessions use: made once, without knowing the values."""
    nothing = ", ".join("NULL" for _ in parameters)
    async with connections.session() as session:
        await session.connection.execute(f"PREPARE explained AS {statement.sql}")
        plan = await session.connection.fetch(f"EXPLAIN EXECUTE explained({nothing})")
        await session.connection.execute("DEALLOCATE explained")
    return "\n".join(row[0] for row in plan)
