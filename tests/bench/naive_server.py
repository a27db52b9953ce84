"""The yardstick for stock: the obvious server, one transaction per request, behind the same grpcio.

It writes what the engine writes (stock, sold_count, status, a movement, a queue row, once per order id),
with rows locked in ascending order and statements prepared by asyncpg's pool; what it does not do is merge
requests. `stock.py` starts it:

    python naive_server.py DSN
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import asyncpg
import grpc
import uvloop

from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 25
STATUS = "CASE WHEN {0} = 0 THEN 'out_of_stock' WHEN {0} <= 10 THEN 'low_stock' ELSE 'in_stock' END"
LOCK = "SELECT quantity FROM listings WHERE id = $1 AND source_type = 'b2c' FOR NO KEY UPDATE"
SELL = (
    "UPDATE listings SET quantity = $2, sold_count = sold_count + $3,"
    f" stock_status = {STATUS.format('$2::int')} WHERE id = $1"
)
SET = f"UPDATE listings SET quantity = $2, stock_status = {STATUS.format('$2::int')} WHERE id = $1"
SEEN = (
    "SELECT 1 FROM inventory_movements WHERE order_id = $1 AND listing_id = $2"
    " AND coalesce(variant_id, 0) = 0 AND movement_type = $3"
)
MOVE = (
    "INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after,"
    " reason, user_id, order_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
QUEUE = (
    "INSERT INTO indexing_queue AS waiting (listing_id, operation) VALUES ($1, 'update')"
    " ON CONFLICT (listing_id) WHERE status = 'pending' DO UPDATE SET operation = waiting.operation WHERE false"
)
CREATE = (
    "INSERT INTO listings (user_id, storefront_id, title, slug, description, price, currency, category_id,"
    " status, quantity, stock_status, sku, source_type)"
    f" VALUES (1, $1, $2, $3, $4, $5, $6, $7, 'active', $8, {STATUS.format('$8::int')}, $9, 'b2c') RETURNING id"
)


class Naive:
    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def decrement(self, data: bytes, _context: object) -> bytes:
        request = pb.DecrementStockRequest.FromString(data)
        results = []
        async with self._pool.acquire() as connection, connection.transaction():
            for item in sorted(request.items, key=lambda item: item.product_id):
                order = request.order_id or None
                if order and await connection.fetchval(SEEN, order, item.product_id, "decrement"):
                    continue
                have = await connection.fetchval(LOCK, item.product_id)
                assert have >= item.quantity
                left = have - item.quantity
                await connection.execute(SELL, item.product_id, left, item.quantity)
                await connection.execute(
                    MOVE,
                    item.product_id,
                    "decrement",
                    item.quantity,
                    -item.quantity,
                    have,
                    left,
                    "sale",
                    0,
                    order,
                )
                await connection.execute(QUEUE, item.product_id)
                results.append(
                    pb.StockResult(
                        product_id=item.product_id, stock_before=have, stock_after=left, success=True
                    )
                )
        return pb.DecrementStockResponse(success=True, results=results).SerializeToString()

    async def rollback(self, data: bytes, _context: object) -> bytes:
        request = pb.RollbackStockRequest.FromString(data)
        results = []
        async with self._pool.acquire() as connection, connection.transaction():
            for item in sorted(request.items, key=lambda item: item.product_id):
                have = await connection.fetchval(LOCK, item.product_id)
                if await connection.fetchval(SEEN, request.order_id, item.product_id, "rollback"):
                    continue
                after = have + item.quantity
                await connection.execute(SELL, item.product_id, after, -item.quantity)
                await connection.execute(
                    MOVE, item.product_id, "rollback", item.quantity, item.quantity, have, after, "rollback", 0,
                    request.order_id,
                )  # fmt: skip
                await connection.execute(QUEUE, item.product_id)
                results.append(
                    pb.StockResult(
                        product_id=item.product_id, stock_before=have, stock_after=after, success=True
                    )
                )
        return pb.RollbackStockResponse(success=True, results=results).SerializeToString()

    async def check(self, data: bytes, _context: object) -> bytes:
        request = pb.CheckStockAvailabilityRequest.FromString(data)
        items = []
        async with self._pool.acquire() as connection:
            for item in request.items:
                have = await connection.fetchval(
                    "SELECT quantity FROM listings WHERE id = $1", item.product_id
                )
                items.append(
                    pb.StockAvailability(
                        product_id=item.product_id,
                        requested_quantity=item.quantity,
                        available_quantity=have,
                        is_available=have >= item.quantity,
                    )
                )
        return pb.CheckStockAvailabilityResponse(all_available=True, items=items).SerializeToString()

    async def movement(self, data: bytes, _context: object) -> bytes:
        request = pb.RecordInventoryMovementRequest.FromString(data)
        async with self._pool.acquire() as connection, connection.transaction():
            have = await connection.fetchval(LOCK, request.product_id)
            after = have + request.quantity
            await connection.execute(SET, request.product_id, after)
            await connection.execute(
                MOVE, request.product_id, "in", request.quantity, request.quantity, have, after, "restock",
                request.user_id, None,
            )  # fmt: skip
            await connection.execute(QUEUE, request.product_id)
        return pb.RecordInventoryMovementResponse(
            success=True, stock_before=have, stock_after=after
        ).SerializeToString()

    async def batch(self, data: bytes, _context: object) -> bytes:
        request = pb.BatchUpdateStockRequest.FromString(data)
        results = []
        async with self._pool.acquire() as connection, connection.transaction():
            for item in sorted(request.items, key=lambda item: item.product_id):
                have = await connection.fetchval(LOCK, item.product_id)
                await connection.execute(SET, item.product_id, item.quantity)
                await connection.execute(
                    MOVE, item.product_id, "adjustment", item.quantity, item.quantity - have, have, item.quantity,
                    "count", request.user_id, None,
                )  # fmt: skip
                await connection.execute(QUEUE, item.product_id)
                results.append(
                    pb.StockUpdateResult(
                        product_id=item.product_id, stock_before=have, stock_after=item.quantity, success=True
                    )
                )
        return pb.BatchUpdateStockResponse(successful_count=len(results), results=results).SerializeToString()

    async def view(self, data: bytes, _context: object) -> bytes:
        request = pb.IncrementProductViewsRequest.FromString(data)
        async with self._pool.acquire() as connection:
            await connection.execute(
                "UPDATE listings SET view_count = view_count + 1 WHERE id = $1", request.product_id
            )
        return b""

    async def create(self, data: bytes, _context: object) -> bytes:
        request = pb.BulkCreateProductsRequest.FromString(data)
        products = []
        async with self._pool.acquire() as connection, connection.transaction():
            for given in request.products:
                identity = await connection.fetchval(
                    CREATE, request.storefront_id, given.name, given.sku, given.description, given.price,
                    given.currency, given.category_id, given.stock_quantity, given.sku,
                )  # fmt: skip
                await connection.execute(
                    MOVE, identity, "in", given.stock_quantity, given.stock_quantity, 0, given.stock_quantity,
                    "initial_stock", 0, None,
                )  # fmt: skip
                await connection.execute(QUEUE, identity)
                products.append(pb.Product(id=identity, name=given.name, price=given.price, sku=given.sku))
        return pb.BulkCreateProductsResponse(
            products=products, successful_count=len(products)
        ).SerializeToString()

    async def update(self, data: bytes, _context: object) -> bytes:
        request = pb.BulkUpdateProductsRequest.FromString(data)
        products = []
        async with self._pool.acquire() as connection, connection.transaction():
            for given in sorted(request.updates, key=lambda update: update.product_id):
                row = await connection.fetchrow(
                    "UPDATE listings SET title = $2, price = $3 WHERE id = $1 RETURNING *",
                    given.product_id, given.name, given.price,
                )  # fmt: skip
                await connection.execute(QUEUE, given.product_id)
                products.append(
                    pb.Product(id=row["id"], name=row["title"], price=row["price"], sku=row["sku"])
                )
        return pb.BulkUpdateProductsResponse(
            products=products, successful_count=len(products)
        ).SerializeToString()


async def main(dsn: str) -> None:
    async with asyncpg.create_pool(
        dsn,
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        server_settings={"plan_cache_mode": "force_generic_plan", "jit": "off"},
    ) as pool:
        naive = Naive(pool)
        handlers: dict[str, Callable[..., object]] = {
            "DecrementStock": naive.decrement,
            "RollbackStock": naive.rollback,
            "CheckStockAvailability": naive.check,
            "RecordInventoryMovement": naive.movement,
            "BatchUpdateStock": naive.batch,
            "IncrementProductViews": naive.view,
            "BulkCreateProducts": naive.create,
            "BulkUpdateProducts": naive.update,
        }
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1)])
        methods = {name: grpc.unary_unary_rpc_method_handler(handler) for name, handler in handlers.items()}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("listings.v1.ListingsService", methods),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)
        await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
