"""Product and variant writes beside orders: what either does to stock, the ledger explains."""

from __future__ import annotations

import asyncio

import grpc

from listings.v1 import listings_pb2 as pb


async def balance(shop) -> list[dict]:
    """Stock beside the sum of deltas, of every product and variant where they differ."""
    return await shop.rows(
        """
        SELECT item.*, ledger.stock AS ledger FROM (
            SELECT id, NULL::bigint AS variant, quantity AS stock FROM listings
            UNION ALL SELECT product_id, id, stock_quantity FROM product_variants
        ) AS item
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(delta), 0) AS stock FROM inventory_movements m
            WHERE m.listing_id = item.id AND m.variant_id IS NOT DISTINCT FROM item.variant
        ) AS ledger
        WHERE item.stock <> ledger.stock
        """
    )


async def test_the_ledger_balances_while_orders_and_edits_meet(shop):
    product = await shop.create(has_variants=True, stock_quantity=1000)
    variants = [await shop.add_variant(product.id, stock_quantity=1000) for _ in range(3)]

    def order(n):
        items = [
            pb.StockItem(product_id=product.id, variant_id=variants[n % 3].id, quantity=1),
            pb.StockItem(product_id=product.id, quantity=1),
        ]
        return shop.stub.DecrementStock(pb.DecrementStockRequest(order_id=f"o-{n}", items=items))

    def recount(n):
        return shop.stub.UpdateProductVariant(
            pb.UpdateProductVariantRequest(
                product_id=product.id,
                variant_id=variants[n % 3].id,
                stock_quantity=500 + n,
                is_default=n % 2 == 0,
            )
        )

    def rename(n):
        return shop.update(product.id, name=f"Chair {n}")

    answers = await asyncio.gather(*(call(n) for n in range(30) for call in (order, recount, rename)))
    assert all(answer.success for answer in answers[::3])
    assert await balance(shop) == []
    assert (await shop.get(product.id)).stock_quantity == 970


async def test_a_deletion_among_orders_leaves_no_half_order(shop):
    for hard in (False, True):
        product = await shop.create(has_variants=True, stock_quantity=1000)
        variant = await shop.add_variant(product.id, stock_quantity=1000)
        items = [
            pb.StockItem(product_id=product.id, variant_id=variant.id, quantity=1),
            pb.StockItem(product_id=product.id, quantity=1),
        ]
        orders = (
            shop.stub.DecrementStock(pb.DecrementStockRequest(order_id=f"{hard}-{n}", items=items))
            for n in range(20)
        )
        *answers, deleted = await asyncio.gather(*orders, shop.delete(product.id, hard_delete=hard))
        assert deleted.success
        taken = sum(answer.success for answer in answers)
        rows = await shop.rows(
            "SELECT count(*) FROM inventory_movements WHERE listing_id = $1 AND movement_type = 'decrement'",
            product.id,
        )
        assert rows[0]["count"] == 2 * taken
        assert await balance(shop) == []


async def test_a_reader_sees_the_stock_that_an_order_left(shop):
    product = await shop.create(stock_quantity=10)
    await shop.get(product.id)
    await shop.listed()
    item = pb.StockItem(product_id=product.id, quantity=4)
    await shop.stub.DecrementStock(pb.DecrementStockRequest(order_id="o-1", items=[item]))
    assert (await shop.get(product.id)).stock_quantity == 6
    assert (await shop.listed()).products[0].stock_quantity == 6


async def test_two_variants_of_one_sku_at_once_are_one(shop):
    product = await shop.create(has_variants=True)
    other = await shop.create(has_variants=True)
    answers = await asyncio.gather(
        *(shop.add_variant((product, other)[n % 2].id, sku="V-1") for n in range(10)), return_exceptions=True
    )
    codes = [answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert codes == [grpc.StatusCode.ALREADY_EXISTS] * 9
