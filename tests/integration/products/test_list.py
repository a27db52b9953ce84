"""ListProducts."""

from __future__ import annotations

import asyncio

import pytest
from providers.catalog import add_listing, add_storefront
from providers.refusals import INVALID, refusing
from providers.sharing import shares_service


def ids(page) -> list[int]:
    return [product.id for product in page.products]


@pytest.fixture
async def seven(shop):
    """Create seven products, the newest first."""
    return [(await shop.create(name=f"Chair {n}")).id for n in range(7)][::-1]


async def test_pages_show_the_newest_first_and_count_all(shop, seven):
    first, second = await shop.listed(page_size=5), await shop.listed(page=2, page_size=5)
    assert (ids(first), ids(second)) == (seven[:5], seven[5:])
    assert first.total_count == second.total_count == 7


async def test_a_page_behind_the_last_is_empty_and_still_counts(shop, seven):
    page = await shop.listed(page=9, page_size=5)
    assert (ids(page), page.total_count, page.next_page_token) == ([], 7, "")


async def test_tokens_walk_to_the_end_though_products_arrive(shop, seven):
    walked, token = [], ""
    while True:
        page = await shop.listed(page_size=3, page_token=token)
        walked += ids(page)
        token = page.next_page_token
        if not token:
            break
        await shop.create()
    assert walked == seven


async def test_products_of_one_moment_are_each_shown_once(shop):
    await shop.bulk_create([shop.item(name=f"Chair {n}") for n in range(10)])
    walked, token = [], ""
    for _ in range(4):
        page = await shop.listed(page_size=3, page_token=token)
        walked += ids(page)
        token = page.next_page_token
    assert len(walked) == len(set(walked)) == 10
    assert not token


async def test_only_active_ones_on_demand(shop, seven):
    await shop.update(seven[2], is_active=False)
    assert ids(await shop.listed()) == seven
    active = await shop.listed(is_active_only=True)
    assert ids(active) == [product for product in seven if product != seven[2]]
    assert active.total_count == 6


async def test_deleted_and_foreign_products_are_not_shown(shop, seven):
    await shop.delete(seven[0])
    other = await add_storefront(shop.service.connections)
    await shop.create(storefront_id=other)
    await add_listing(shop.service.connections)
    assert ids(await shop.listed()) == seven[1:]


async def test_a_shops_listing_is_a_product(shop):
    listing = await add_listing(
        shop.service.connections, storefront_id=shop.storefront, source_type="b2c", category_id=shop.category
    )
    assert ids(await shop.listed()) == [listing]


@shares_service
async def test_an_unknown_storefront_has_none(shared_shop):
    page = await shared_shop.listed(storefront_id=2**50)
    assert (ids(page), page.total_count) == ([], 0)


async def test_variants_are_not_filled_in(shop):
    product = await shop.create(has_variants=True)
    await shop.add_variant(product.id)
    [shown] = (await shop.listed()).products
    assert (shown.has_variants, len(shown.variants)) == (True, 0)


@shares_service
@pytest.mark.parametrize(
    ("field", "value"),
    [("storefront_id", 0), ("page", 0), ("page_size", 0), ("page_size", 101), ("page", 2**31 - 1)],
)
async def test_bad_pages_are_refused_by_name(shared_shop, field, value):
    with refusing(INVALID, field):
        await shared_shop.listed(**{field: value})


async def test_the_token_of_another_storefront_is_refused(shop, seven):
    token = (await shop.listed(page_size=3)).next_page_token
    for fields in ({"storefront_id": shop.storefront + 1}, {"is_active_only": True}):
        with refusing(INVALID, "page_token"):
            await shop.listed(page_token=token, **fields)
    with refusing(INVALID, "page_token"):
        await shop.listed(page_token="forged")


async def test_concurrent_readers_share_a_page(shop, seven):
    pages = await asyncio.gather(*(shop.listed(page_size=5) for _ in range(20)))
    assert all(ids(page) == seven[:5] for page in pages)
