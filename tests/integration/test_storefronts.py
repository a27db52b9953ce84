"""Storefronts over gRPC on a real database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from providers.catalog import add_storefront, rows
from providers.refusals import INVALID, NOT_FOUND, fields_of, refused
from providers.sharing import shares_service

from listings.domain.paging import write_token
from listings.domain.storefronts import SortBy, StorefrontQuery
from listings.v1 import listings_pb2 as pb


async def page_of(service, **fields: Any) -> pb.ListStorefrontsResponse:
    return await service.stub.ListStorefronts(pb.ListStorefrontsRequest(**fields))


def ids(page: pb.ListStorefrontsResponse) -> list[int]:
    return [storefront.id for storefront in page.storefronts]


async def walk(service, **fields: Any) -> list[int]:
    """Follow tokens to the end."""
    found: list[int] = []
    token = ""
    while True:
        page = await page_of(service, page_token=token, **fields)
        found += ids(page)
        token = page.next_page_token
        if not token:
            return found


async def test_one_by_id_and_by_slug_with_every_field(service):
    wanted = await add_storefront(
        service.connections,
        user_id=42,
        slug="zlatna-radnja",
        name="Златна радња",
        description="Sve od zlata",
        logo_url="https://img.example/logo.png",
        city="Београд",
        latitude=Decimal("44.8"),
        longitude=Decimal("20.5"),
        is_verified=True,
        rating=Decimal("4.75"),
        reviews_count=3,
        products_count=12,
        sales_count=5,
        views_count=99,
        followers_count=7,
    )
    found = (await service.stub.GetStorefront(pb.GetStorefrontRequest(id=wanted))).storefront
    assert (found.id, found.user_id, found.slug, found.name) == (wanted, 42, "zlatna-radnja", "Златна радња")
    assert (found.city, found.country, found.latitude, found.longitude) == ("Београд", "RS", 44.8, 20.5)
    assert (found.is_active, found.is_verified, found.rating) == (True, True, 4.75)
    assert (found.reviews_count, found.products_count, found.sales_count) == (3, 12, 5)
    assert (found.views_count, found.followers_count) == (99, 7)
    assert not found.HasField("banner_url")
    assert found.created_at.endswith("Z")
    by_slug = await service.stub.GetStorefrontBySlug(pb.GetStorefrontBySlugRequest(slug="zlatna-radnja"))
    assert by_slug.storefront == found


async def test_an_inactive_one_is_found_a_deleted_one_is_not(service):
    inactive = await add_storefront(service.connections, slug="asleep", is_active=False)
    deleted = await add_storefront(service.connections, slug="gone")
    await rows(
        service.connections, "UPDATE storefronts SET deleted_at = now() WHERE id = $1 RETURNING id", deleted
    )
    assert (
        await service.stub.GetStorefrontBySlug(pb.GetStorefrontBySlugRequest(slug="asleep"))
    ).storefront.id == inactive
    for call in (
        service.stub.GetStorefront(pb.GetStorefrontRequest(id=deleted)),
        service.stub.GetStorefrontBySlug(pb.GetStorefrontBySlugRequest(slug="gone")),
    ):
        error = await refused(call)
        assert (error.code(), error.details()) == (NOT_FOUND, "storefront not found")
    assert ids(await page_of(service)) == [inactive]


@shares_service
@pytest.mark.parametrize(
    ("id_", "code"), [(0, INVALID), (-1, INVALID), (404, NOT_FOUND), (2**63 - 1, NOT_FOUND)]
)
async def test_bad_ids(shared_service, id_, code):
    assert (await refused(shared_service.stub.GetStorefront(pb.GetStorefrontRequest(id=id_)))).code() is code


@shares_service
@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("", INVALID),
        (" \x00\n", INVALID),
        ("s" * 101, INVALID),
        ("unknown", NOT_FOUND),
        ("x'; --", NOT_FOUND),
    ],
)
async def test_bad_slugs(shared_service, slug, code):
    error = await refused(shared_service.stub.GetStorefrontBySlug(pb.GetStorefrontBySlugRequest(slug=slug)))
    assert error.code() is code
    assert fields_of(error) == (["slug"] if code is INVALID else [])


async def test_newest_first_unless_told_otherwise(service):
    made = [await add_storefront(service.connections) for _ in range(3)]
    assert ids(await page_of(service)) == made[::-1]
    assert ids(await page_of(service, sort_order="asc")) == made


async def test_filters_narrow_the_page_and_the_total(service):
    wanted = await add_storefront(
        service.connections, user_id=1, is_active=True, is_verified=True, city="Novi Sad"
    )
    for columns in (
        {"user_id": 2},
        {"is_active": False},
        {"is_verified": False},
        {"city": "Niš"},
    ):
        await add_storefront(
            service.connections,
            **{"user_id": 1, "is_active": True, "is_verified": True, "city": "Novi Sad", **columns},
        )
    every = {"user_id": 1, "is_active": True, "is_verified": True, "city": "Novi Sad"}
    page = await page_of(service, **every)
    assert (ids(page), page.total) == ([wanted], 1)
    for left_out in every:
        assert (await page_of(service, **{k: v for k, v in every.items() if k != left_out})).total == 2
    assert (await page_of(service, is_active=False)).total == 1
    assert (await page_of(service, user_id=0)).total == 5  # 0 and below do not narrow
    assert (await page_of(service, user_id=2**40)).total == 0  # beyond the column's type
    assert (await page_of(service, city="Novi\x00 Sad")).total == 4


@pytest.mark.parametrize(
    ("sort_by", "values"),
    [
        ("name", ["Aa", "Bb", "Cc"]),
        ("rating", [Decimal("0.50"), Decimal("2.00"), Decimal("4.75")]),
        ("products_count", [1, 2, 10]),
        ("views_count", [1, 2, 10]),
    ],
)
async def test_every_sort_both_ways_across_pages(service, sort_by, values):
    made = [await add_storefront(service.connections, **{sort_by: value}) for value in values]
    made.insert(1, await add_storefront(service.connections, **{sort_by: values[0]}))  # a tie
    assert await walk(service, sort_by=sort_by, sort_order="asc", limit=1) == made
    assert await walk(service, sort_by=sort_by, sort_order="desc", limit=2) == made[::-1]
    assert await walk(service, sort_by=sort_by, limit=3) == made[::-1]


async def test_a_cursor_shows_each_once_while_new_ones_arrive(service):
    made = [await add_storefront(service.connections) for _ in range(4)]
    first = await page_of(service, limit=2)
    await add_storefront(service.connections)
    second = await page_of(service, limit=2, page_token=first.next_page_token)
    assert ids(first) + ids(second) == made[::-1]
    assert second.next_page_token == ""


async def test_a_cursor_carries_the_longest_name(service):
    """255 characters of four bytes each."""
    made = [await add_storefront(service.connections, name="😀" * 254 + end) for end in "abc"]
    assert await walk(service, sort_by="name", sort_order="asc", limit=1) == made


async def test_limit_and_offset_are_bent_into_bounds(service):
    made = [await add_storefront(service.connections) for _ in range(25)][::-1]
    assert ids(await page_of(service)) == made[:20]
    assert ids(await page_of(service, limit=-3, offset=-3)) == made[:20]
    assert ids(await page_of(service, limit=101)) == made
    beyond = await page_of(service, limit=5, offset=100)
    assert (ids(beyond), beyond.total, beyond.next_page_token) == ([], 25, "")
    assert ids(await page_of(service, limit=5, offset=22)) == made[22:]


@shares_service
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sort_by": "price"}, "sort_by"),
        ({"sort_by": "id; DROP TABLE storefronts"}, "sort_by"),
        ({"sort_order": "up"}, "sort_order"),
        ({"sort_order": "DESC"}, "sort_order"),
        ({"offset": 1_000_001}, "offset"),
        ({"page_token": "forged"}, "page_token"),
        ({"page_token": "t" * 5000}, "page_token"),
        ({"page_token": write_token(("2026-01-01T00:00:00", 1), query="another")}, "page_token"),
    ],
)
async def test_bad_input_names_its_field(shared_service, fields, field):
    error = await refused(page_of(shared_service, **fields))
    assert (error.code(), fields_of(error)) == (INVALID, [field])


@shares_service
@pytest.mark.parametrize(
    ("sort_by", "key"),
    [
        ("created_at", ("yesterday", 1)),
        ("created_at", (None, 1)),
        ("created_at", ("2026-01-01", "1")),
        ("created_at", ("2026-01-01", 2**70)),
        ("name", ("a\x00b", 1)),
        ("rating", ("NaN", 1)),
        ("rating", ("1e9999", 1)),
        ("products_count", (str(2**31), 1)),
        ("views_count", ("1.5", 1)),
    ],
)
async def test_a_forged_position_is_the_callers_mistake(shared_service, sort_by, key):
    token = write_token(key, query=StorefrontQuery(sort_by=SortBy(sort_by)))
    error = await refused(page_of(shared_service, sort_by=sort_by, page_token=token))
    assert (error.code(), fields_of(error)) == (INVALID, ["page_token"])


async def test_a_changed_storefront_is_seen_after_its_topics(service):
    wanted = await add_storefront(service.connections, name="Before")

    async def names() -> set[str]:
        one = await service.stub.GetStorefront(pb.GetStorefrontRequest(id=wanted))
        listed = await page_of(service)
        return {one.storefront.name, listed.storefronts[0].name}

    assert await names() == {"Before"}
    await rows(
        service.connections, "UPDATE storefronts SET name = 'After' WHERE id = $1 RETURNING id", wanted
    )
    service.app.use_cases.listings._invalidations.changed(("storefront", wanted), ("storefronts",))
    assert await names() == {"After"}
