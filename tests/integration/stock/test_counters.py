"""What operators see of stock: counters, log lines, the drift gauge."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from structlog.testing import capture_logs

from listings.db.inventory import InventoryRows
from listings.usecases.inventory import LedgerWatch
from listings.v1 import listings_pb2 as pb

SHOP = "decrement_stock"


def counted(service, name, **labels: str):
    return service.app.metrics.registry.get_sample_value(name, labels) or 0


async def take(service, shop, order_id, **quantities: int):
    return await service.stub.DecrementStock(
        pb.DecrementStockRequest(items=shop.lines(**quantities), order_id=order_id)
    )


async def test_first_replayed_conflicting_and_refused_orders_are_told_apart(service, shop):
    with capture_logs() as logs:
        await take(service, shop, "order", plenty=1)
        await take(service, shop, "order", plenty=1)
        await take(service, shop, "order", plenty=2)
        await take(service, shop, "other", few=6)
    for status in ("first", "replayed", "conflict", "refused"):
        assert (
            counted(
                service, "listings_inventory_stock_operations_total", operation="decrement", status=status
            )
            == 1
        ), status
    told = [(line["event"], line["order_id"]) for line in logs if line["event"].startswith("stock request")]
    assert told == [
        ("stock request repeated", "order"),
        ("stock request contradicts an earlier one", "order"),
    ]


async def test_repeated_rollbacks_movements_and_counts_are_told_apart_too(service, shop):
    async def give(quantity):
        items = shop.lines(plenty=quantity)
        await service.stub.RollbackStock(pb.RollbackStockRequest(items=items, order_id="order"))

    async def receive(quantity):
        await service.stub.RecordInventoryMovement(
            pb.RecordInventoryMovementRequest(
                storefront_id=1000, product_id=shop["plenty"], movement_type="in", quantity=quantity,
                user_id=7, idempotency_key="delivery",
            )
        )  # fmt: skip

    async def count(quantity):
        counts = [pb.StockUpdateItem(product_id=shop["plenty"], quantity=quantity)]
        await service.stub.BatchUpdateStock(
            pb.BatchUpdateStockRequest(storefront_id=1000, items=counts, user_id=7, idempotency_key="night")
        )

    await take(service, shop, "order", plenty=5)
    with capture_logs() as logs:
        await give(6)  # more than was taken
        for call in (give, receive, count):
            await call(5)
            await call(5)
        for call in (receive, count):
            with pytest.raises(grpc.aio.AioRpcError, match="idempotency_key was used"):
                await call(6)
    for operation in ("rollback", "in", "adjustment"):
        for status in ("first", "replayed", "conflict"):
            labels = {"operation": operation, "status": status}
            assert counted(service, "listings_inventory_stock_operations_total", **labels) == 1, labels
    told = [
        (line["kind"], line["event"].split()[2], line["order_id"] or line["idempotency_key"])
        for line in logs
        if line["event"].startswith("stock request")
    ]
    assert told == [
        ("rollback", "contradicts", "order"),
        ("rollback", "repeated", "order"),
        ("in", "repeated", "delivery"),
        ("adjustment", "repeated", "night"),
        ("in", "contradicts", "delivery"),
        ("adjustment", "contradicts", "night"),
    ]


async def test_a_rollback_of_an_unknown_order_is_counted_by_item(service, shop):
    items = shop.lines(plenty=1, small=1)
    await service.stub.RollbackStock(pb.RollbackStockRequest(items=items, order_id="elsewhere"))
    await take(service, shop, "here", third=1)
    await service.stub.RollbackStock(pb.RollbackStockRequest(items=shop.lines(third=1), order_id="here"))
    assert counted(service, "listings_stock_rollbacks_unseen_total") == 2


async def test_orders_that_arrive_together_share_their_commits(service, shop):
    await asyncio.gather(*(take(service, shop, f"order-{n}", plenty=1) for n in range(50)))
    assert counted(service, "listings_stock_batch_requests_sum") == 50
    assert counted(service, "listings_stock_batch_requests_count") < 25


async def test_views_are_labelled_for_50_products_and_other_for_the_rest(service, shop):
    for _ in range(2):
        for name in (*(f"load_{n}" for n in range(1, 51)), "plenty"):
            await service.stub.IncrementProductViews(pb.IncrementProductViewsRequest(product_id=shop[name]))
    name = "listings_inventory_product_views_total"
    assert counted(service, name, product_id=str(shop["load_1"])) == 2
    assert counted(service, name, product_id="other") == 2


async def test_drift_is_a_gauge_and_an_error_line(service, shop):
    watch = LedgerWatch(InventoryRows(service.connections), service.app.metrics.stock)
    await watch.check()
    assert counted(service, "listings_ledger_drift_items") == 0
    await shop.query("UPDATE listings SET quantity = 1 WHERE id = $1 RETURNING id", shop["second"])
    with capture_logs() as logs:
        await watch.check()
    assert counted(service, "listings_ledger_drift_items") == 1
    assert logs[-1]["first_product_id"] == shop["second"]
