"""DeleteProduct."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from providers.catalog import add_storefront, insert
from providers.refusals import INVALID, NOT_FOUND, refusing
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb


@pytest.fixture
async def product(shop):
    """Create a product with five variants, 10 units of its own and 1 of each variant."""
    product = await shop.create(has_variants=True)
    for _ in range(5):
        await shop.add_variant(product.id, stock_quantity=1)
    return product


async def test_a_soft_deletion_sets_both_markers_and_keeps_the_row(shop, product):
    answer = await shop.delete(product.id)
    assert (answer.success, answer.message, answer.variants_deleted) == (
        True,
        "Product soft deleted successfully",
        5,
    )
    [row] = await shop.rows(
        "SELECT is_deleted, deleted_at IS NOT NULL AS dated, status FROM listings WHERE id = $1", product.id
    )
    assert row == {"is_deleted": True, "dated": True, "status": "active"}


async def test_no_read_shows_a_deleted_product(shop, product):
    variant = (await shop.get(product.id)).variants[0]
    await shop.stub.GetListing(pb.GetListingRequest(id=product.id))
    await shop.delete(product.id)
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.get(product.id)
    with refusing(NOT_FOUND, "listing not found"):
        await shop.stub.GetListing(pb.GetListingRequest(id=product.id))
    with refusing(NOT_FOUND, "variants.not_found"):
        await shop.stub.GetVariant(pb.GetVariantRequest(variant_id=variant.id))
    assert (await shop.listed()).total_count == 0
    of_product = pb.GetVariantsByProductIDRequest(product_id=product.id)
    assert len((await shop.stub.GetVariantsByProductID(of_product)).variants) == 0


async def test_a_soft_deletion_leaves_the_ledger_as_it_is(shop, product):
    before = await shop.movements(product.id)
    await shop.delete(product.id)
    assert await shop.movements(product.id) == before


async def test_a_hard_deletion_removes_what_belongs_to_the_product(shop, product):
    await insert(shop.service.connections, "listing_images", listing_id=product.id, url="https://img/1.jpg")
    answer = await shop.delete(product.id, hard_delete=True)
    assert (answer.message, answer.variants_deleted) == ("Product hard deleted successfully", 5)
    for table in ("listings", "product_variants", "listing_images"):
        assert await shop.counted(table) == 0, table


async def test_movements_survive_a_hard_deletion_and_tell_where_the_stock_went(shop, product):
    before = await shop.movements(product.id)
    await shop.delete(product.id, hard_delete=True)
    after = await shop.movements(product.id)
    assert after[: len(before)] == before
    assert (None, "out", 10, 10, 0, "product_deleted") in after
    sums = await shop.rows(
        "SELECT sum(delta) AS stock FROM inventory_movements WHERE listing_id = $1 GROUP BY variant_id",
        product.id,
    )
    assert {row["stock"] for row in sums} == {0}


async def test_a_soft_deleted_product_can_still_be_removed_for_good(shop, product):
    await shop.delete(product.id)
    assert (await shop.delete(product.id, hard_delete=True)).variants_deleted == 5
    assert await shop.counted("listings") == 0


@pytest.mark.parametrize("hard", [False, True])
async def test_a_second_deletion_is_not_found(shop, product, hard):
    await shop.delete(product.id, hard_delete=hard)
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.delete(product.id, hard_delete=hard)


async def test_of_concurrent_deletions_one_wins(shop, product):
    answers = await asyncio.gather(*(shop.delete(product.id) for _ in range(6)), return_exceptions=True)
    codes = [answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert codes == [NOT_FOUND] * 5


@pytest.mark.parametrize("hard", [False, True])
async def test_an_unknown_or_foreign_product_is_not_found(shop, product, hard):
    other = await add_storefront(shop.service.connections)
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.delete(product.id, storefront_id=other, hard_delete=hard)
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.delete(2**62, hard_delete=hard)
    assert (await shop.get(product.id)).id == product.id


@shares_service
@pytest.mark.parametrize("field", ["product_id", "storefront_id"])
async def test_ids_below_one_are_refused(shared_shop, shared_product, field):
    with refusing(INVALID, field):
        await shared_shop.delete(**{"product_id": shared_product.id, field: 0})


@pytest.mark.parametrize("hard", [False, True])
async def test_a_deletion_is_queued_in_place_of_what_waited(shop, product, hard):
    await shop.delete(product.id, hard_delete=hard)
    assert await shop.queued(product.id) == ["delete"]
