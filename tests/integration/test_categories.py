"""Categories over gRPC on a real database."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from providers.catalog import add_category, add_listing, rows
from providers.sharing import shares_service

from listings.cache.encoded import EncodedCache
from listings.db.categories import CategoryRows
from listings.db.statements import statement
from listings.usecases.categories import Categories
from listings.v1 import listings_pb2 as pb


def ids(answer: pb.CategoriesResponse) -> list[int]:
    return [category.id for category in answer.categories]


async def test_roots_and_all_by_sort_order_then_name(service):
    second = await add_category(service.connections, name="Aa", sort_order=2)
    first_b = await add_category(service.connections, name="Bb", sort_order=1)
    first_a = await add_category(service.connections, name="Ab", sort_order=1)
    child = await add_category(service.connections, name="Child", parent_id=second, sort_order=3)
    await add_category(service.connections, name="Hidden", is_active=False)

    assert ids(await service.stub.GetRootCategories(Empty())) == [first_a, first_b, second]
    assert ids(await service.stub.GetAllCategories(Empty())) == [first_a, first_b, second, child]


async def test_every_field_is_filled(service):
    parent = await add_category(service.connections)
    wanted = await add_category(
        service.connections,
        name="Cars",
        slug="cars",
        parent_id=parent,
        icon="car",
        description="All that drives",
        sort_order=4,
        title_en="Cars",
        title_ru="Машины",
        title_sr="Аутомобили",
        has_custom_ui=True,
        custom_ui_component="CarFilter",
    )
    await add_listing(service.connections, category_id=wanted)

    found = (await service.stub.GetCategory(pb.CategoryIDRequest(category_id=wanted))).category
    assert (found.id, found.name, found.slug, found.parent_id) == (wanted, "Cars", "cars", parent)
    assert (found.icon, found.description, found.sort_order, found.level) == ("car", "All that drives", 4, 1)
    assert (found.is_active, found.listing_count) == (True, 1)
    assert (found.has_custom_ui, found.custom_ui_component) == (True, "CarFilter")
    assert dict(found.translations) == {"en": "Cars", "ru": "Машины", "sr": "Аутомобили"}
    assert found.created_at.endswith("Z")


async def test_a_language_without_a_title_is_missing(service):
    wanted = await add_category(service.connections, title_ru="Машины", title_sr="")
    found = (await service.stub.GetCategory(pb.CategoryIDRequest(category_id=wanted))).category
    assert dict(found.translations) == {"ru": "Машины"}
    assert not found.HasField("parent_id")


async def test_counts_are_of_active_undeleted_listings_everywhere(service):
    wanted = await add_category(service.connections)
    for columns in ({}, {}, {"status": "draft"}, {"is_deleted": True}, {"deleted_at": None}):
        await add_listing(service.connections, category_id=wanted, **columns)

    asked = pb.CategoryIDRequest(category_id=wanted)
    assert (await service.stub.GetCategory(asked)).category.listing_count == 3
    assert (await service.stub.GetCategoryTree(asked)).tree.listing_count == 3
    for answer in (
        await service.stub.GetAllCategories(Empty()),
        await service.stub.GetRootCategories(Empty()),
        await service.stub.GetPopularCategories(pb.PopularCategoriesRequest()),
    ):
        assert [category.listing_count for category in answer.categories] == [3]


async def test_popular_by_count_then_name_within_the_limit(service):
    quiet = await add_category(service.connections, name="A quiet one")
    busy = await add_category(service.connections, name="Busy")
    also_quiet = await add_category(service.connections, name="Also quiet")
    await add_listing(service.connections, category_id=busy)

    async def popular(limit: int) -> list[int]:
        return ids(await service.stub.GetPopularCategories(pb.PopularCategoriesRequest(limit=limit)))

    assert await popular(0) == [busy, quiet, also_quiet]
    assert await popular(-5) == [busy, quiet, also_quiet]
    assert await popular(2) == [busy, quiet]
    assert await popular(2_000_000_000) == [busy, quiet, also_quiet]


async def test_the_tree_is_complete_and_ordered(service):
    root = await add_category(service.connections, slug="vehicles", title_ru="Транспорт")
    late = await add_category(service.connections, slug="boats", parent_id=root, sort_order=2)
    early = await add_category(service.connections, slug="cars", parent_id=root, sort_order=1)
    parts = await add_category(service.connections, slug="parts", parent_id=early, level=2)
    await add_category(service.connections, parent_id=root, is_active=False)

    tree = (await service.stub.GetCategoryTree(pb.CategoryIDRequest(category_id=root))).tree
    assert (tree.id, tree.path, tree.children_count) == (root, "vehicles", 2)
    assert dict(tree.translations) == {"ru": "Транспорт"}
    assert [(child.id, child.path, child.children_count) for child in tree.children] == [
        (early, "vehicles/cars", 1),
        (late, "vehicles/boats", 0),
    ]
    (grandchild,) = tree.children[0].children
    assert (grandchild.id, grandchild.path, grandchild.level) == (parts, "vehicles/cars/parts", 2)


async def test_an_inactive_category_has_no_tree(service):
    hidden = await add_category(service.connections, is_active=False)
    assert (await service.stub.GetCategory(pb.CategoryIDRequest(category_id=hidden))).category.id == hidden
    with pytest.raises(grpc.aio.AioRpcError, match="category not found") as refused:
        await service.stub.GetCategoryTree(pb.CategoryIDRequest(category_id=hidden))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


@shares_service
@pytest.mark.parametrize("method", ["GetCategory", "GetCategoryTree"])
@pytest.mark.parametrize(
    ("category_id", "code"),
    [
        (0, grpc.StatusCode.INVALID_ARGUMENT),
        (-1, grpc.StatusCode.INVALID_ARGUMENT),
        (404, grpc.StatusCode.NOT_FOUND),
        (2**63 - 1, grpc.StatusCode.NOT_FOUND),  # beyond the column's type
    ],
)
async def test_bad_ids_are_the_callers_mistake(shared_service, method, category_id, code):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(shared_service.stub, method)(pb.CategoryIDRequest(category_id=category_id))
    assert refused.value.code() is code


async def test_nothing_is_kept_when_the_cache_is_off(start_service):
    async with start_service(cache={"enabled": False}) as service:
        await service.stub.GetAllCategories(Empty())
        added = await add_category(service.connections)  # nobody tells the service
        assert ids(await service.stub.GetAllCategories(Empty())) == [added]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def make(service, clock: Clock, *, counting_takes: float = 0.0) -> tuple[Categories, EncodedCache]:
    """Categories over the service's database, on a clock of the test's own."""
    cache = EncodedCache(service.app.metrics.cache, clock=clock)
    rows_of = CategoryRows(service.connections)
    read = rows_of.catalog

    async def timed():
        catalog = await read()
        clock.now += counting_takes
        return catalog

    rows_of.catalog = timed
    return Categories(rows_of, cache, service.app.metrics.cache, clock=clock), cache


async def test_an_answer_is_kept_for_the_time_to_live_and_no_longer(service):
    clock = Clock()
    categories, _ = await make(service, clock)
    assert await categories.active() == ()
    added = await add_category(service.connections)
    assert await categories.active() == ()
    clock.now = 2.0
    assert [category.id for category in await categories.active()] == [added]


async def test_a_changed_category_is_seen_at_once(service):
    clock = Clock()
    categories, cache = await make(service, clock, counting_takes=1.0)
    assert await categories.active() == ()
    added = await add_category(service.connections)
    cache.invalidate(("categories",))
    assert [category.id for category in await categories.active()] == [added]


async def test_counting_takes_at_most_a_twentieth_of_the_time(service):
    clock = Clock()
    wanted = await add_category(service.connections)
    categories, cache = await make(service, clock, counting_takes=0.01)
    assert (await categories.get(wanted)).listing_count == 0
    counted_at = clock.now

    await add_listing(service.connections, category_id=wanted)
    cache.invalidate(("counts",))
    clock.now = counted_at + 0.18
    assert (await categories.get(wanted)).listing_count == 0  # too soon: this count is served on
    clock.now = counted_at + 0.19
    assert (await categories.get(wanted)).listing_count == 1


async def test_a_listing_counts_from_its_publication_to_its_deletion(service):
    """On a clock that stands still counting takes no time, so that every write may be counted."""
    service.app.use_cases.categories._clock = Clock()
    asked = pb.CategoryIDRequest(category_id=await add_category(service.connections))

    async def count() -> int:
        return (await service.stub.GetCategory(asked)).category.listing_count

    assert await count() == 0
    new = pb.CreateListingRequest(
        user_id=7, title="A chair", price=10, currency="RSD", category_id=asked.category_id, quantity=1
    )
    listing = (await service.stub.CreateListing(new)).listing.id
    assert await count() == 0  # a draft
    await service.stub.UpdateListing(pb.UpdateListingRequest(id=listing, user_id=7, status="active"))
    assert await count() == 1
    await service.stub.DeleteListing(pb.DeleteListingRequest(id=listing, user_id=7))
    assert await count() == 0


async def test_callers_that_come_together_share_one_read(service):
    clock = Clock()
    categories, _ = await make(service, clock, counting_takes=0.01)
    await asyncio.gather(*(categories.active() for _ in range(50)))
    assert clock.now == 0.01


async def test_what_an_edge_encoded_ends_with_its_snapshot(service):
    clock = Clock()
    categories, cache = await make(service, clock)
    (await categories.snapshot()).encoded["roots"] = b"bytes"
    assert categories.encoded("roots") == b"bytes"
    cache.invalidate(("categories",))
    assert categories.encoded("roots") is None


async def test_counts_come_from_one_index_only_pass(service):
    """With rows as wide as real ones: what reading the table instead would cost decides the plan."""
    await service.first_rounds()  # one under way may need to see the rows' pages as they were
    await rows(
        service.connections,
        """INSERT INTO categories (id, name, slug) SELECT n, 'n' || n, 's' || n FROM generate_series(1, 300) n
           RETURNING id""",
    )
    async with service.connections.session() as session:
        # Pages count as visible to all only after their commit was flushed.
        await session.connection.execute("SET synchronous_commit = on")
        await session.connection.execute(
            """INSERT INTO listings (user_id, title, slug, price, category_id, status, attributes)
               SELECT 1, 'Listing ' || n, 'l-' || n, 1, 1 + n % 300, 'active',
                      jsonb_build_object('text', repeat('x', 900))
               FROM generate_series(1, 10000) n"""
        )
        await session.connection.execute("VACUUM ANALYZE listings")
        found = await session.connection.fetch(f"EXPLAIN {statement('categories', 'catalog').sql}")
    plan = "\n".join(row["QUERY PLAN"] for row in found)
    assert "Index Only Scan using idx_listings_category_page on listings" in plan, plan
    assert plan.count("on listings") == 1, plan
    assert "SubPlan" not in plan, plan  # a count per category would be one
