"""Others at work in the same database: locks in the wrong order, deletions, cached answers, keys in one batch."""

from __future__ import annotations

import asyncio
import itertools

import asyncpg
import grpc
import pytest
from providers.engine import run_engine
from providers.refusals import refusing

from listings.domain.inventory import MovementType
from listings.domain.stock import Item, Line, Outcome, StockRequest
from listings.v1 import listings_pb2 as pb

SHOP = "decrement_stock"

LOCK = "SELECT FROM listings WHERE id = $1 FOR UPDATE"

# Other tests hold their own sessions up in other databases of the same server.
HELD_UP_BY = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND $1 = ANY (pg_blocking_pids(pid))"
)


async def take(service, items, order_id=None):
    return await service.stub.DecrementStock(pb.DecrementStockRequest(items=items, order_id=order_id))


async def holds_somebody_up(outsider, shop):
    """Return when somebody waits for a lock of the outsider's."""
    while not await shop.query(HELD_UP_BY, outsider.get_server_pid()):
        await asyncio.sleep(0)


@pytest.fixture
async def outsider(dsn):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def test_a_deadlock_with_somebody_who_locks_in_another_order_never_reaches_a_client(
    service, shop, outsider
):
    # The outsider waits longer before it looks for deadlocks, so the order is the one that is ended and retried.
    await outsider.execute("SET deadlock_timeout = '60s'")
    outside = outsider.transaction()
    await outside.start()
    await outsider.execute(LOCK, shop["second"])
    order = asyncio.ensure_future(take(service, shop.lines(plenty=1, second=1), "order"))
    await holds_somebody_up(outsider, shop)
    await outsider.execute(LOCK, shop["plenty"])
    await outside.commit()
    assert (await order).success
    seen = {"operation": "stock.apply", "error": "DeadlockDetectedError"}
    # More than once where the order was back before the outsider had its lock.
    assert service.app.metrics.registry.get_sample_value("listings_db_errors_total", seen) >= 1
    assert await shop.stock("plenty") == 99
    await shop.prove()


async def test_views_that_lose_a_deadlock_are_counted_all_the_same(dsn, shop, outsider):
    await outsider.execute("SET deadlock_timeout = '60s'")
    lost = {"operation": "stock.view", "error": "DeadlockDetectedError"}
    async with run_engine(dsn) as running:
        # Views that do not travel together cannot meet a deadlock, and nothing obliges them to.
        for rounds in itertools.count(1):
            assert rounds <= 10, "no deadlock in ten rounds"
            outside = outsider.transaction()
            await outside.start()
            await outsider.execute(LOCK, shop["second"])
            views = asyncio.gather(*(running.stock.view(shop[name]) for name in ("plenty", "second")))
            await holds_somebody_up(outsider, shop)
            await outsider.execute(LOCK, shop["plenty"])
            await outside.commit()
            await views
            if running.metrics.registry.get_sample_value("listings_db_errors_total", lost):
                break
    assert [(await shop.row(name))["view_count"] for name in ("plenty", "second")] == [rounds, rounds]


async def test_orders_and_a_hard_delete_do_not_stop_each_other(service, shop, outsider):
    async def sell():
        return [await take(service, shop.lines(small=1, plenty=1)) for _ in range(10)]

    selling = [asyncio.ensure_future(sell()) for _ in range(4)]
    await outsider.execute("DELETE FROM listings WHERE id = $1", shop["shirt"])
    answers = [answer for seller in await asyncio.gather(*selling) for answer in seller]
    sold = sum(answer.success for answer in answers)
    assert await shop.stock("plenty") == 100 - sold
    assert all(
        "not found" in answer.error or "insufficient" in answer.error
        for answer in answers
        if not answer.success
    )
    await shop.prove()


async def test_an_order_of_a_product_that_is_gone_is_still_recognised(service, shop, outsider):
    first = await take(service, shop.lines(third=2), "order")
    await outsider.execute("DELETE FROM listings WHERE id = $1", shop["third"])
    assert await take(service, shop.lines(third=2), "order") == first
    assert "not found" in (await take(service, shop.lines(third=2), "other")).error


async def test_a_cached_listing_shows_what_an_order_left(service, shop):
    request = pb.GetListingRequest(id=shop["plenty"])
    assert (await service.stub.GetListing(request)).listing.quantity == 100
    await take(service, shop.lines(plenty=7))
    assert (await service.stub.GetListing(request)).listing.quantity == 93


async def test_one_key_in_two_requests_of_a_batch_moves_once(dsn, shop):
    request = StockRequest(
        MovementType.IN, [Line(Item(shop["plenty"]), 5)], key="k", digest="same", storefront_id=1000
    )
    other = StockRequest(
        MovementType.IN, [Line(Item(shop["second"]), 5)], key="k", digest="other", storefront_id=1000
    )
    async with run_engine(dsn) as running:
        answers = await asyncio.gather(*(running.engine.do(asked) for asked in (request, request, other)))
    kinds = [outcome.outcome for answer in answers for outcome in answer.values()]
    assert kinds == [Outcome.DONE, Outcome.REPLAYED, Outcome.KEY_REUSED]
    await shop.prove()


@pytest.mark.parametrize("lines", [[0], [-1], [5, -5]], ids=["zero", "negative", "sum-of-zero"])
async def test_the_engine_itself_refuses_quantities_that_cannot_be(shop, dsn, lines):
    asked = StockRequest(MovementType.DECREMENT, [Line(Item(shop["plenty"]), n) for n in lines])
    async with run_engine(dsn) as running:
        with pytest.raises(Exception, match="breaks the rule"):
            await running.engine.do(asked)
    assert await shop.stock("plenty") == 100


async def test_without_the_engines_function_the_remedy_is_named(service, shop, outsider):
    name = await outsider.fetchval(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE proname = 'listings_apply_stock'"
    )
    await outsider.execute(f"DROP FUNCTION {name}")
    with refusing(grpc.StatusCode.FAILED_PRECONDITION, "listings migrate up"):
        await take(service, shop.lines(plenty=1))
