"""A shop on the stage that has a busy and bad day, until no panel of a dashboard has nothing to show.

    PYTHONPATH=tests python -m alerts_live.bad_day FOLDER     the day goes on until Ctrl-C: for looking at dashboards

The mixture of `bench/marketplace.py` asks for every operation. Meanwhile rows are locked until calls time out and are
turned away, Redis dies for a while, callers err, a worker of another service dies, others write into the tables, a migration seems to hang.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
from alerts_live.cast import indexer, operator_page, team_settings
from alerts_live.control_group import confined, may_make
from alerts_live.stage import open_stage
from bench.machine import workers_of
from bench.marketplace import MIXTURE, USER, Marketplace
from providers.certificates import Authority

from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator

    from alerts_live.stage import Service, Stage

CALLS_PER_SECOND: Final = 40
# A caller from elsewhere, whom limits are for.
STRANGER: Final = (("x-forwarded-for", "203.0.113.9"),)
_MOST_CALLS: Final = 48
_SETTINGS: Final = {
    "DB_POOL_SIZE": "6",
    "DB_SLOW_STATEMENT_SECONDS": "0.005",
    "CACHE_MAX_BYTES": "60000",
    "MAX_CONCURRENT_CALLS": str(_MOST_CALLS),
    "RATE_LIMIT_TRUSTED_PROXIES": "127.0.0.1",
    "MAINTENANCE_QUEUE_PURGE_INTERVAL_SECONDS": "2",
}
# As of a container in which it never lacks anything.
_MEMORY_BYTES: Final = 512 * 2**20
_CORES: Final = 2
# What is done to the database for a few seconds, and undone.
_HARM: Final = (
    ("UPDATE schema_migrations SET dirty = true", "UPDATE schema_migrations SET dirty = false"),
    (
        "UPDATE schema_migrations SET version = version - 1",
        "UPDATE schema_migrations SET version = version + 1",
    ),
)


@asynccontextmanager
async def bad_day(stage: Stage) -> AsyncIterator[None]:
    """The shop, its callers and their troubles while the block lasts."""
    shop = await stage.serve("shop", **_SETTINGS)
    team = await stage.serve("team", **team_settings(Authority(stage.folder)))
    stage.watch("blackbox", f"{shop.process.http}/health", namespace="shop")
    limits = confined(shop.process.process.pid, memory_bytes=_MEMORY_BYTES, cores=_CORES)
    with operator_page() as operator, limits if may_make() else nullcontext():
        assert operator.stdout
        port = (await asyncio.to_thread(operator.stdout.readline)).strip()
        stage.watch("listings-operator", f"127.0.0.1:{port}", namespace="operator")
        works = asyncio.Event()
        async with (
            indexer(shop, works),
            Marketplace(shop.process.address, shop.process.http) as market,
        ):
            database = await asyncpg.connect(shop.dsn)
            try:
                await market.furnish(database)
                load = market.constant_rate(per_second=CALLS_PER_SECOND, seconds=3600, mixture=MIXTURE)
                going_on = [
                    asyncio.create_task(load),
                    asyncio.create_task(_troubles(stage, shop, team, market, database, operator, works)),
                ]
                try:
                    yield
                    ended = [each for each in going_on if each.done()]
                    assert not ended, [each.exception() for each in ended]
                finally:
                    for each in going_on:
                        each.cancel()
                    await asyncio.gather(*going_on, return_exceptions=True)
            finally:
                await database.close()


async def _troubles(
    stage: Stage,
    shop: Service,
    team: Service,
    market: Marketplace,
    database: asyncpg.Connection,
    operator: subprocess.Popen[str],
    indexer_works: asyncio.Event,
) -> None:
    """One after the other, with time to recover, again and again."""

    def tell(*words: str) -> None:
        assert operator.stdin
        operator.stdin.write("".join(f"{word}\n" for word in words))
        operator.stdin.flush()

    while True:
        indexer_works.set()
        tell("stall")
        await _spoiled(database, market)
        await _mistaken(market)
        await _nearly_sold_out(market)
        tell("hang")
        await _locked(shop, market)
        tell("go", "fail")
        indexer_works.clear()
        for harm, remedy in _HARM:
            await database.execute(harm)
            await asyncio.sleep(5)  # a look of the service, a scrape
            await database.execute(remedy)
        tell("work")
        await asyncio.to_thread(stage.redis.crash)
        await asyncio.sleep(10)  # an alert waits before it believes it
        await asyncio.to_thread(stage.redis.start)
        tell("settle")
        for worker in workers_of(team.process)[:1]:
            worker.kill()
        await asyncio.sleep(10)


async def _spoiled(database: asyncpg.Connection, market: Marketplace) -> None:
    """Others write what the service's own rounds notice."""
    expiring, drifting = market.pools.take("listing"), market.pools.take("product")
    await database.execute(
        "UPDATE listings SET status = 'active', expires_at = now() - interval '1 hour', expiry_managed = true"
        " WHERE id = $1",
        expiring,
    )
    await database.execute("UPDATE listings SET quantity = 3 WHERE id = $1", drifting)
    await database.execute(
        "UPDATE indexing_queue SET status = 'failed' WHERE id = (SELECT max(id) FROM indexing_queue)"
    )


async def _mistaken(market: Marketplace) -> None:
    """What callers do wrong: ids that are not there, more than there is, too often."""
    product, nowhere, stub = market.pools.products[0], 10**8, market.stub
    too_much = pb.StockItem(product_id=product, quantity=10**8)
    unknown_order = pb.RollbackStockRequest(
        items=[pb.StockItem(product_id=product, quantity=1)], order_id=market.sku()
    )
    movement = pb.RecordInventoryMovementRequest(
        storefront_id=market.pools.shop, product_id=product, user_id=USER, movement_type="out", quantity=10**8
    )
    delete = pb.DeleteListingRequest(id=nowhere, user_id=USER)
    calls = [
        *(stub.DeleteListing(delete, metadata=STRANGER, timeout=10) for _ in range(40)),
        stub.DecrementStock(pb.DecrementStockRequest(items=[too_much]), timeout=10),
        stub.RollbackStock(unknown_order, timeout=10),
        stub.RecordInventoryMovement(movement, timeout=10),
        stub.IncrementProductViews(pb.IncrementProductViewsRequest(product_id=nowhere), timeout=10),
    ]
    await asyncio.gather(*calls, return_exceptions=True)


async def _nearly_sold_out(market: Marketplace) -> None:
    """A product falls to its low mark, another is sold out."""
    for left in (2, 0):
        product = market.pools.take("product")
        have = (await market.stub.GetProduct(pb.GetProductRequest(product_id=product))).product
        items = [pb.StockItem(product_id=product, quantity=have.stock_quantity - left)]
        await market.stub.DecrementStock(pb.DecrementStockRequest(items=items, order_id=market.sku()))


async def _locked(shop: Service, market: Marketplace) -> None:
    """Somebody holds a row: more callers than there may be wait until their deadline or nearly so."""
    listing = market.pools.own_listings[0]
    change = pb.UpdateListingRequest(id=listing, user_id=USER, title="Never")
    holder = await asyncpg.connect(shop.dsn)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM listings WHERE id = $1 FOR UPDATE", listing)
            patience = (
                3,
                4.4,
                4.4,
                *(4,) * _MOST_CALLS,
            )  # the second and third are served at the last moment
            waiting = [market.stub.UpdateListing(change, timeout=seconds) for seconds in patience]
            await asyncio.sleep(4.1)
    finally:
        await holder.close()
    await asyncio.gather(*waiting, return_exceptions=True)


async def main() -> None:
    """A bad day until Ctrl-C."""
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(mode=0o711)
    async with open_stage(folder) as stage, bad_day(stage):
        print(f"Prometheus {stage.url}, Alertmanager {stage.alertmanager_url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
