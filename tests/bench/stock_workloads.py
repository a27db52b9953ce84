"""What is asked of the stock engine and of its naive rival: the seeded rows, the calls, and their bounds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.load import Request

PRODUCTS = 5000
HOT = PRODUCTS + 1
SEED = f"""
INSERT INTO categories (id, name, slug, level) VALUES (1, 'Bikes', 'bikes', 0);
INSERT INTO storefronts (id, user_id, slug, name) VALUES (1, 1, 'shop', 'Shop');
INSERT INTO listings (user_id, storefront_id, title, slug, price, category_id, status, quantity, sku, source_type)
SELECT 1, 1, 'Product ' || n, 'product-' || n, 10, 1, 'active', 100000000, 'sku-' || n, 'b2c'
FROM generate_series(1, {HOT}) n;
INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after, reason)
SELECT id, 'opening', quantity, quantity, 0, quantity, 'opening' FROM listings;
ANALYZE;
"""
_serial = count(1)
_run = random.randrange(10**9)


def order() -> str:
    return f"bench-{_run}-{next(_serial)}"


def decrement(chance: random.Random, products: list[int], *, with_order: bool = True) -> Request:
    request = pb.DecrementStockRequest(
        items=[pb.StockItem(product_id=product, quantity=1) for product in products],
        order_id=order() if with_order else None,
    )
    return "DecrementStock", request.SerializeToString()


def some(chance: random.Random, number: int) -> list[int]:
    return chance.sample(range(1, PRODUCTS + 1), number)


def rollback(chance: random.Random, number: int) -> Request:
    request = pb.RollbackStockRequest(
        items=[pb.StockItem(product_id=product, quantity=1) for product in some(chance, number)],
        order_id=order(),
    )
    return "RollbackStock", request.SerializeToString()


def check(chance: random.Random, number: int) -> Request:
    request = pb.CheckStockAvailabilityRequest(
        items=[pb.StockItem(product_id=product, quantity=1) for product in some(chance, number)]
    )
    return "CheckStockAvailability", request.SerializeToString()


def movement(chance: random.Random) -> Request:
    request = pb.RecordInventoryMovementRequest(
        storefront_id=1,
        product_id=some(chance, 1)[0],
        movement_type="in",
        quantity=1,
        user_id=1,
        reason="restock",
    )
    return "RecordInventoryMovement", request.SerializeToString()


def batch(chance: random.Random) -> Request:
    items = [
        pb.StockUpdateItem(product_id=product, quantity=90_000_000 + chance.randrange(1000))
        for product in some(chance, 10)
    ]
    return "BatchUpdateStock", pb.BatchUpdateStockRequest(
        storefront_id=1, user_id=1, items=items
    ).SerializeToString()


def view(product: int) -> Request:
    return "IncrementProductViews", pb.IncrementProductViewsRequest(product_id=product).SerializeToString()


def bulk_create(number: int) -> Request:
    products = [
        pb.ProductInput(
            name=f"Bulk product {serial}", description="Made by the benchmark.", price=9.99, currency="RSD",
            category_id=1, sku=f"bulk-{_run}-{serial}", stock_quantity=50, is_active=True,
        )
        for serial in (next(_serial) for _ in range(number))
    ]  # fmt: skip
    return "BulkCreateProducts", pb.BulkCreateProductsRequest(
        storefront_id=1, products=products
    ).SerializeToString()


def bulk_update(chance: random.Random, number: int) -> Request:
    updates = [
        pb.ProductUpdateInput(
            product_id=product, name=f"Renamed {product}", price=chance.randrange(100, 9999) / 100
        )
        for product in some(chance, number)
    ]
    return "BulkUpdateProducts", pb.BulkUpdateProductsRequest(
        storefront_id=1, updates=updates
    ).SerializeToString()


@dataclass(frozen=True)
class Workload:
    """One kind of call; `bound` is the least ratio of rates."""

    name: str
    make: Callable[[random.Random], Request]
    calls: int
    clients: int = 50
    bound: float | None = None
    pgbench: str | None = None  # SQL of one order, for the rate of one transaction per order
    limit_ms: float | None = None  # what the specification allows a lone call
    own_ms: str = ""  # what it says that it measured itself


BULK_1000 = "BulkCreateProducts of 1000"
GUARDED = "one client: decrement"
UNGUARDED = "one client: decrement, no order id"

PGBENCH_ORDER = """
\\set product random({low}, {high})
WITH sold AS (
    UPDATE listings SET quantity = quantity - 1, sold_count = sold_count + 1,
        stock_status = CASE WHEN quantity - 1 = 0 THEN 'out_of_stock' WHEN quantity - 1 <= 10 THEN 'low_stock'
            ELSE 'in_stock' END
    WHERE id = :product AND quantity >= 1 RETURNING id, quantity
), queued AS (
    INSERT INTO indexing_queue AS waiting (listing_id, operation) SELECT id, 'update' FROM sold
    ON CONFLICT (listing_id) WHERE status = 'pending' DO UPDATE SET operation = waiting.operation WHERE false
)
INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after, reason,
    user_id, order_id)
SELECT id, 'decrement', 1, -1, quantity + 1, quantity, 'sale', 0, gen_random_uuid()::text FROM sold;
"""

WORKLOADS = (
    Workload("DecrementStock distinct", lambda c: decrement(c, some(c, 1)), 3000, bound=2,
             pgbench=PGBENCH_ORDER.format(low=1, high=PRODUCTS)),
    Workload("DecrementStock hot", lambda c: decrement(c, [HOT]), 3000, bound=5,
             pgbench=PGBENCH_ORDER.format(low=HOT, high=HOT)),
    Workload("DecrementStock cart of 3", lambda c: decrement(c, some(c, 3)), 1500, bound=2),
    Workload("DecrementStock cart of 50", lambda c: decrement(c, some(c, 50)), 150, clients=10),
    Workload("RollbackStock of 1", lambda c: rollback(c, 1), 2000),
    Workload("RollbackStock of 10", lambda c: rollback(c, 10), 500),
    Workload("BatchUpdateStock of 10", batch, 500, bound=4),
    Workload("RecordInventoryMovement", movement, 2000),
    Workload("IncrementProductViews distinct", lambda c: view(some(c, 1)[0]), 3000),
    Workload("IncrementProductViews hot", lambda _: view(HOT), 3000),
    Workload("CheckStock single", lambda c: check(c, 1), 3000),
    Workload("CheckStock of 10", lambda c: check(c, 10), 2000, bound=2),
    Workload("CheckStock of 10, 20 concurrent", lambda c: check(c, 10), 1000, clients=20),
    Workload("BulkCreateProducts of 100", lambda _: bulk_create(100), 20, clients=2, bound=3),
    Workload(BULK_1000, lambda _: bulk_create(1000), 4, clients=2, bound=3),
    Workload("BulkUpdateProducts of 1000", lambda c: bulk_update(c, 1000), 4, clients=1),
)  # fmt: skip

# One caller at a time: nothing to merge with, so this is what an engine that merges may cost those who are alone.
ALONE = (
    Workload(GUARDED, lambda c: decrement(c, some(c, 1)), 400, clients=1, limit_ms=50, own_ms="2.3"),
    Workload(UNGUARDED, lambda c: decrement(c, some(c, 1), with_order=False), 400, clients=1),
    Workload("one client: decrement of 50", lambda c: decrement(c, some(c, 50)), 40, clients=1, limit_ms=500, own_ms="31.5"),
    Workload("one client: rollback", lambda c: rollback(c, 1), 200, clients=1, limit_ms=50, own_ms="4-9"),
    Workload("one client: rollback of 10", lambda c: rollback(c, 10), 100, clients=1, limit_ms=200),
    Workload("one client: check", lambda c: check(c, 1), 300, clients=1, limit_ms=100),
    Workload("one client: check of 10", lambda c: check(c, 10), 200, clients=1, limit_ms=200),
)  # fmt: skip
