"""GetProduct, GetProductsBySKUs, GetProductsByIDs."""

from __future__ import annotations

import asyncio

import pytest
from providers.catalog import add_listing, add_storefront
from providers.refusals import INVALID, NOT_FOUND, refusing
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb


async def test_a_product_comes_with_its_variants_the_default_first(shop):
    product = await shop.create(has_variants=True)
    first = await shop.add_variant(product.id, stock_quantity=1)
    second = await shop.add_variant(product.id, stock_quantity=2, is_default=True)
    third = await shop.add_variant(product.id, stock_quantity=3)
    shown = await shop.get(product.id)
    assert [variant.id for variant in shown.variants] == [second.id, first.id, third.id]
    assert [variant.is_default for variant in shown.variants] == [True, False, False]


@shares_service
async def test_an_unknown_product_is_not_found(shared_shop):
    with refusing(NOT_FOUND, "products.not_found"):
        await shared_shop.get(404)


@shares_service
async def test_an_id_beyond_every_table_is_not_found(shared_shop):
    with refusing(NOT_FOUND, "products.not_found"):
        await shared_shop.get(2**62)


async def test_a_product_of_another_storefront_is_not_found(shop):
    product = await shop.create()
    assert (await shop.get(product.id, storefront_id=shop.storefront)).id == product.id
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.get(product.id, storefront_id=shop.storefront + 1)


async def test_a_deleted_product_is_not_found_even_where_it_was_cached(shop):
    product = await shop.create()
    await shop.get(product.id)
    await shop.delete(product.id)
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.get(product.id)


async def test_a_private_sale_is_no_product(shop):
    sale = await add_listing(shop.service.connections)
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.get(sale)


async def test_an_inactive_product_is_shown(shop):
    product = await shop.create()
    await shop.update(product.id, is_active=False)
    assert (await shop.get(product.id)).is_active is False


@shares_service
@pytest.mark.parametrize("product_id", [0, -1])
async def test_an_id_below_one_is_refused(shared_shop, product_id):
    with refusing(INVALID, "product_id"):
        await shared_shop.get(product_id)


async def test_concurrent_reads_of_many_products_get_each_its_own(shop):
    products = [await shop.create(name=f"Chair {n}") for n in range(20)]
    shown = await asyncio.gather(*(shop.get(product.id) for product in products for _ in range(3)))
    assert [product.id for product in shown] == [product.id for product in products for _ in range(3)]


async def by_skus(shop, *skus: str, **fields: int):
    request = pb.GetProductsBySKUsRequest(skus=skus, **fields)
    return await shop.stub.GetProductsBySKUs(request)


async def by_ids(shop, *ids: int, **fields: int):
    request = pb.GetProductsByIDsRequest(product_ids=ids, **fields)
    return await shop.stub.GetProductsByIDs(request)


async def test_skus_find_active_products_in_every_storefront(shop):
    other = await add_storefront(shop.service.connections)
    here = await shop.create(sku="A")
    there = await shop.create(sku="A", storefront_id=other)
    inactive = await shop.create(sku="B")
    await shop.update(inactive.id, is_active=False)
    answer = await by_skus(shop, "A", "B", "C", "A")
    assert [product.id for product in answer.products] == [here.id, there.id]
    assert answer.total_count == 2
    narrowed = await by_skus(shop, "A", storefront_id=other)
    assert [product.id for product in narrowed.products] == [there.id]


@shares_service
async def test_a_list_of_skus_has_one_to_a_hundred(shared_shop):
    with refusing(INVALID, "SKU list cannot be empty"):
        await by_skus(shared_shop)
    with refusing(INVALID, "cannot request more than 100 SKUs at once"):
        await by_skus(shared_shop, *map(str, range(101)))
    assert (await by_skus(shared_shop, "\x00", "")).total_count == 0


async def test_ids_find_active_products_ascending_once_each(shop):
    a, b, inactive = [await shop.create() for _ in range(3)]
    await shop.update(inactive.id, is_active=False)
    for _ in range(2):  # read, then cached
        answer = await by_ids(shop, b.id, a.id, b.id, inactive.id, 2**62)
        assert [product.id for product in answer.products] == [a.id, b.id]
        assert answer.total_count == 2
    assert answer.products[0] == a


async def test_ids_of_another_storefront_are_left_out(shop):
    product = await shop.create()
    assert (await by_ids(shop, product.id)).total_count == 1
    assert (await by_ids(shop, product.id, storefront_id=shop.storefront + 1)).total_count == 0
    assert (await by_ids(shop, product.id, storefront_id=shop.storefront)).total_count == 1


async def test_a_changed_product_is_read_anew_by_id(shop):
    product = await shop.create()
    await by_ids(shop, product.id)
    await shop.update(product.id, name="Elm chair")
    assert (await by_ids(shop, product.id)).products[0].name == "Elm chair"


@shares_service
async def test_a_list_of_ids_has_one_to_a_hundred_positive_ones(shared_shop):
    for ids in ((), range(1, 102), (1, 0), (-1,)):
        with refusing(INVALID, "product_ids"):
            await by_ids(shared_shop, *ids)
