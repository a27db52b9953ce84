"""The whole stock API under whatever may happen: some order of one after the other explains every history.

A hypothesis machine calls two servers of one PostgreSQL, durability on: orders, rollbacks, movements, counts,
checks and views at once, the same ones again, callers whose deadlines pass, a server killed with SIGKILL, a
PostgreSQL stopped with `immediate`. After each step it looks for an order in which `domain/stock_model.py`
gives exactly the answers that were seen, and the stock and the views that are there; a call whose answer was
lost may have happened or not, but wholly. In the end each order's history is what the model remembers of it,
and the ledger balances.

`test_serial_order.py` does the same to the engine alone: faster, without a wire. LISTINGS_PROVE=1 runs more
and longer histories.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import asyncpg
import grpc
import hypothesis.strategies as st
import pytest
import uvloop
from bench.machine import Listings, listings_server
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from providers.postgres import migrate
from providers.shelves import ITEMS, ON_HAND, lines, requests, reset, stock_of
from rich.console import Console
from rich.table import Table

from listings.domain.inventory import MovementType
from listings.domain.stock import Item, Line, Outcome, StockRequest, answer_of, summed
from listings.domain.stock_model import StockModel
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path

    from listings.embedded import EmbeddedPostgres

PROVE = os.environ.get("LISTINGS_PROVE") == "1"
LOST = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
NOBODY = 404
PATIENCE = 60.0
ANSWERS = {
    "DecrementStock": pb.DecrementStockResponse,
    "RollbackStock": pb.RollbackStockResponse,
    "RecordInventoryMovement": pb.RecordInventoryMovementResponse,
    "BatchUpdateStock": pb.BatchUpdateStockResponse,
    "CheckStockAvailability": pb.CheckStockAvailabilityResponse,
}
STATUSES = {
    Outcome.PRODUCT_NOT_FOUND: "NOT_FOUND",
    Outcome.NOT_FOUND_BEFORE: "NOT_FOUND",
    Outcome.VARIANT_NOT_FOUND: "NOT_FOUND",
    Outcome.SHORT: "FAILED_PRECONDITION",
    Outcome.TOO_MUCH: "FAILED_PRECONDITION",
    Outcome.KEY_REUSED: "INVALID_ARGUMENT",
}


@dataclass(frozen=True)
class Change:
    """A call that changes stock."""

    request: StockRequest


@dataclass(frozen=True)
class Check:
    lines: list[Line]


@dataclass(frozen=True)
class View:
    product_id: int


Ask = Change | Check | View
asks = st.one_of(
    st.builds(Change, requests),
    st.builds(Change, requests),
    st.builds(Check, lines),
    st.builds(View, st.sampled_from([1, 1, 2, 4, NOBODY])),
)
HARMLESS = (Change(StockRequest(MovementType.DECREMENT, [Line(Item(NOBODY), 1)])), View(NOBODY))


def message_of(ask: Ask) -> tuple[str, Any]:
    """The call on the wire."""
    if isinstance(ask, View):
        return "IncrementProductViews", pb.IncrementProductViewsRequest(product_id=ask.product_id)
    if isinstance(ask, Check):
        return "CheckStockAvailability", pb.CheckStockAvailabilityRequest(items=_items(ask.lines))
    asked = ask.request
    match asked.kind:
        case MovementType.DECREMENT:
            return "DecrementStock", pb.DecrementStockRequest(
                items=_items(asked.lines), order_id=asked.order_id
            )
        case MovementType.ROLLBACK:
            return "RollbackStock", pb.RollbackStockRequest(
                items=_items(asked.lines), order_id=asked.order_id
            )
        case MovementType.ADJUSTMENT:
            counts = [
                pb.StockUpdateItem(
                    product_id=line.item.product_id,
                    variant_id=line.item.variant_id or None,
                    quantity=line.quantity,
                )
                for line in asked.lines
            ]
            return "BatchUpdateStock", pb.BatchUpdateStockRequest(
                storefront_id=asked.storefront_id, user_id=7, items=counts, idempotency_key=asked.key
            )
    [line] = asked.lines
    return "RecordInventoryMovement", pb.RecordInventoryMovementRequest(
        storefront_id=asked.storefront_id,
        product_id=line.item.product_id,
        variant_id=line.item.variant_id or None,
        movement_type=asked.kind.value,
        quantity=line.quantity,
        user_id=7,
        idempotency_key=asked.key,
    )


def _items(asked: Any) -> list[pb.StockItem]:
    return [
        pb.StockItem(
            product_id=line.item.product_id, variant_id=line.item.variant_id or None, quantity=line.quantity
        )
        for line in asked
    ]


def told(method: str, data: bytes) -> Any:
    """What an answer says, to be compared."""
    if method == "IncrementProductViews":
        return "viewed"
    answer = ANSWERS[method].FromString(data)
    if method == "CheckStockAvailability":
        return answer.all_available, [(item.available_quantity, item.is_available) for item in answer.items]
    if method == "RecordInventoryMovement":
        return answer.stock_before, answer.stock_after
    results = [(r.stock_before, r.stock_after, r.success, r.error) for r in answer.results]
    if method == "BatchUpdateStock":
        return results
    return answer.success, answer.error, results


@dataclass
class World:
    """What the model knows: stock, and views of products."""

    stock: StockModel = field(default_factory=lambda: StockModel(copy.deepcopy(ITEMS)))
    views: Counter[int] = field(default_factory=Counter)

    def answer(self, ask: Ask) -> Any:
        """Do what was asked, and say what the service has to answer."""
        if isinstance(ask, View):
            shelf = self.stock.shelves[Item(ask.product_id)]
            if shelf.deleted or shelf.missing:
                return "NOT_FOUND"
            self.views[ask.product_id] += 1
            return "viewed"
        if isinstance(ask, Check):
            wanted = summed(ask.lines)
            found = [
                (self.units(line.item), self.units(line.item) >= wanted[line.item]) for line in ask.lines
            ]
            return all(fits for _, fits in found), found
        request = ask.request
        outcomes = self.stock.apply(request)
        if request.kind in {MovementType.DECREMENT, MovementType.ROLLBACK}:
            answer = answer_of(request, outcomes)
            results = [(r.stock_before, r.stock_after, r.success, r.error or "") for r in answer.results]
            return answer.success, answer.error or "", results
        found_by_line = [outcomes[line.item] for line in request.lines]
        if any(outcome.outcome is Outcome.KEY_REUSED for outcome in found_by_line):
            return "INVALID_ARGUMENT"
        if request.kind is MovementType.ADJUSTMENT:
            return [
                (o.stock_before, o.stock_after, o.success, "" if o.success else "not found")
                for o in found_by_line
            ]
        [outcome] = found_by_line
        return (outcome.stock_before, outcome.stock_after) if outcome.success else STATUSES[outcome.outcome]

    def units(self, item: Item) -> int:
        shelf = self.stock.shelves[item]
        return 0 if shelf.deleted or shelf.missing else shelf.stock

    def history(self, order_id: str) -> Counter[tuple[Any, ...]]:
        """The movements that an order must have left."""
        remembered = [("decrement", self.stock.taken, -1), ("rollback", self.stock.given, 1)]
        return Counter(
            (kind, *item, sign * memory.quantity)
            for kind, memories, sign in remembered
            for (order, item), memory in memories.items()
            if order == order_id
        )


Seen = tuple[Ask, Any]


def explained(world: World, seen: list[Seen], lost: list[Ask], state: tuple[Any, ...]) -> World | None:
    """The model after some order of all that was seen and some of what was lost; None when there is none."""
    if not seen and state_of(world) == state:
        return world
    for place, (ask, answer) in enumerate(seen):
        after = copy.deepcopy(world)
        if after.answer(ask) == answer:
            found = explained(after, [*seen[:place], *seen[place + 1 :]], lost, state)
            if found is not None:
                return found
    for place, ask in enumerate(lost):
        after = copy.deepcopy(world)
        after.answer(ask)
        found = explained(after, seen, [*lost[:place], *lost[place + 1 :]], state)
        if found is not None:
            return found
    return None


def state_of(world: World) -> tuple[dict[Item, int], Counter[int]]:
    return {item: shelf.stock for item, shelf in world.stock.shelves.items()}, world.views


@dataclass
class Site:
    """Two servers, their database, and how to break each."""

    loop: asyncio.AbstractEventLoop
    postgres: EmbeddedPostgres
    servers: list[Listings]
    channels: list[grpc.aio.Channel]
    happened: Counter[str] = field(default_factory=Counter)

    async def call(self, server: int, ask: Ask, *, seconds: float = PATIENCE) -> Any:
        """The answer as the model would give it; None when it was lost."""
        method, message = message_of(ask)
        call = self.channels[server].unary_unary(f"/listings.v1.ListingsService/{method}")
        self.happened["calls"] += 1
        try:
            return told(method, await call(message.SerializeToString(), timeout=seconds))
        except grpc.aio.AioRpcError as error:
            if error.code() in LOST:
                self.happened["lost answers"] += 1
                return None
            return error.code().name

    async def quiet(self) -> None:
        """Wait until nothing is under way any more: neither in a server nor in the database."""
        async with asyncio.timeout(PATIENCE):  # a server that stays away is a failure, not a lost answer
            for server in range(len(self.servers)):
                for ask in HARMLESS:
                    while await self.call(server, ask) is None:
                        await asyncio.sleep(0.02)  # a client's back-off
        connection = await asyncpg.connect(self.postgres.dsn())
        try:
            while await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state <> 'idle'"
            ):
                await asyncio.sleep(0.01)  # a poll of the database
        finally:
            await connection.close()

    async def orphans_are_gone(self) -> None:
        """End every session, so that what a killed server sent is decided one way or the other."""
        connection = await asyncpg.connect(self.postgres.dsn())
        try:
            others = (
                "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            pids = await connection.fetch(f"SELECT pid FROM pg_stat_activity WHERE {others}")
            await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            while await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1::int[])",
                [row["pid"] for row in pids],
            ):
                await asyncio.sleep(0.01)  # a poll of the database
        finally:
            await connection.close()

    async def state(self) -> tuple[dict[Item, int], Counter[int]]:
        connection = await asyncpg.connect(self.postgres.dsn())
        try:
            rows = await connection.fetch(ON_HAND)
        finally:
            await connection.close()
        return stock_of(rows), Counter({row["product_id"]: row["views"] for row in rows if row["views"]})

    async def reset(self) -> None:
        await self.quiet()
        connection = await asyncpg.connect(self.postgres.dsn())
        try:
            for text in reset():
                await connection.execute(text)
        finally:
            await connection.close()

    async def history(self, order_id: str) -> Counter[tuple[Any, ...]]:
        """What GetInventoryHistory says of an order."""
        call = self.channels[0].unary_unary("/listings.v1.ListingsService/GetInventoryHistory")
        request = pb.GetInventoryHistoryRequest(order_id=order_id, page_size=200)
        answer = pb.GetInventoryHistoryResponse.FromString(await call(request.SerializeToString()))
        return Counter((m.movement_type, m.product_id, m.variant_id, m.delta) for m in answer.movements)

    async def drifting(self) -> list[Any]:
        connection = await asyncpg.connect(self.postgres.dsn())
        try:
            return await connection.fetch(
                "SELECT listing_id, variant_id FROM (SELECT listing_id, variant_id, stock_before,"
                " lag(stock_after) OVER (PARTITION BY listing_id, variant_id ORDER BY id) AS left_by_last"
                " FROM inventory_movements) AS chain WHERE left_by_last <> stock_before"
                " UNION ALL SELECT id, NULL FROM listings l WHERE quantity <> (SELECT sum(delta)"
                " FROM inventory_movements m WHERE m.listing_id = l.id AND m.variant_id IS NULL)"
                " UNION ALL SELECT product_id, id FROM product_variants v WHERE stock_quantity <> (SELECT sum(delta)"
                " FROM inventory_movements m WHERE m.listing_id = v.product_id AND m.variant_id = v.id)"
            )
        finally:
            await connection.close()


batches = st.lists(st.tuples(asks, st.integers(0, 1)), min_size=1, max_size=4)
moments = st.integers(0, 20).map(lambda number: number / 4000)  # seconds: in the middle of things


class StockApi(RuleBasedStateMachine):
    """Steps that hypothesis puts together."""

    site: ClassVar[Site]

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.site.loop.run_until_complete(self.site.reset())

    def during(self, batch: list[tuple[Ask, int]], fault: Any = None, *, seconds: float = PATIENCE) -> None:
        """Carry out a batch of calls at once, something happening meanwhile, and explain what came of it."""

        async def work() -> list[Any]:
            calls = [
                asyncio.ensure_future(self.site.call(server, ask, seconds=seconds)) for ask, server in batch
            ]
            if fault is not None:
                await fault()
            answers = await asyncio.gather(*calls)
            await self.site.quiet()
            return answers

        answers = self.site.loop.run_until_complete(work())
        self.settle([ask for ask, _ in batch], answers)

    def settle(self, asked: list[Ask], answers: list[Any]) -> None:
        seen = [(ask, answer) for ask, answer in zip(asked, answers, strict=True) if answer is not None]
        lost = [ask for ask, answer in zip(asked, answers, strict=True) if answer is None]
        state = self.site.loop.run_until_complete(self.site.state())
        world = explained(self.world, seen, lost, state)
        assert world is not None, f"no order explains {seen}, lost {lost}, {state}, from {self.world}"
        self.world = world
        self.site.happened["steps explained"] += 1

    @rule(batch=batches)
    def together(self, batch: list[tuple[Ask, int]]) -> None:
        self.during(batch)

    @rule(ask=asks, times=st.integers(2, 4))
    def duplicates(self, ask: Ask, times: int) -> None:
        self.during([(ask, number % 2) for number in range(times)])

    @rule(batch=batches, seconds=moments)
    def deadlines_pass(self, batch: list[tuple[Ask, int]], seconds: float) -> None:
        self.during(batch, seconds=seconds)

    @rule(ask=asks, seconds=moments)
    def retried_until_told(self, ask: Ask, seconds: float) -> None:
        async def work() -> list[Any]:
            first = await self.site.call(0, ask, seconds=seconds)
            again = await self.site.call(1, ask)
            await self.site.quiet()
            return [first, again]

        self.settle([ask, ask], self.site.loop.run_until_complete(work()))

    @rule(batch=batches, moment=moments, victim=st.integers(0, 1))
    def server_is_killed(self, batch: list[tuple[Ask, int]], moment: float, victim: int) -> None:
        async def kill() -> None:
            await asyncio.sleep(moment)  # the moment of the fault is what the example is about
            server = self.site.servers[victim]
            await asyncio.to_thread(server.kill)
            await self.site.orphans_are_gone()
            await asyncio.to_thread(server.start_again)
            self.site.happened["servers killed"] += 1

        self.during(batch, kill)

    @rule(batch=batches, moment=moments)
    def postgres_crashes(self, batch: list[tuple[Ask, int]], moment: float) -> None:
        async def crash() -> None:
            await asyncio.sleep(moment)  # the moment of the fault is what the example is about
            await asyncio.to_thread(self.site.postgres.crash, "immediate")
            await asyncio.to_thread(self.site.postgres.start)
            self.site.happened["crashes of PostgreSQL"] += 1

        self.during(batch, crash)

    def teardown(self) -> None:
        run = self.site.loop.run_until_complete
        assert run(self.site.drifting()) == []
        for order in ("order-1", "order-2", "order-3", "order-4"):
            assert run(self.site.history(order)) == self.world.history(order)
        self.site.happened["histories"] += 1


@pytest.mark.timeout(3600 if PROVE else 300)
def test_every_history_of_the_api_has_an_order_that_explains_it(
    postgres_process: Any, tmp_path: Path
) -> None:
    loop = uvloop.new_event_loop()
    postgres = postgres_process(durable=True)
    loop.run_until_complete(migrate(postgres.dsn()))
    with ExitStack() as stack:
        servers = [
            stack.enter_context(listings_server(postgres.dsn(), log=tmp_path / f"server-{number}.log"))
            for number in range(2)
        ]
        StockApi.site = site = Site(loop, postgres, servers, loop.run_until_complete(connect(servers)))
        try:
            run_state_machine_as_test(
                StockApi,
                settings=settings(
                    max_examples=30 if PROVE else 4,  # fewer happen to hold no crash of PostgreSQL
                    stateful_step_count=25 if PROVE else 8,
                    deadline=None,
                    derandomize=not PROVE,
                    database=None,
                    phases=[
                        Phase.generate
                    ],  # timing is part of a history: a shrunken one would be another one
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            loop.run_until_complete(disconnect(site.channels))
    loop.close()
    table = Table("what happened", "times", title="the stock API against its model", min_width=40)
    table.columns[1].justify = "right"
    for name, times in site.happened.items():
        table.add_row(name, f"{times:,}")
    Console().print(table)
    assert site.happened["servers killed"], "histories without faults promise little: draw others"
    assert site.happened["crashes of PostgreSQL"], "histories without faults promise little: draw others"
    assert site.happened["lost answers"] < site.happened["calls"] / 2


async def connect(servers: list[Listings]) -> list[grpc.aio.Channel]:
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
    return [grpc.aio.insecure_channel(server.address, options=options) for server in servers]


async def disconnect(channels: list[grpc.aio.Channel]) -> None:
    for channel in channels:
        await channel.close()
