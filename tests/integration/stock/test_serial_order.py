"""Whatever happens at the same time, some order of one after the other explains it.

A hypothesis machine throws concurrent requests at two engines on one database: orders, rollbacks, counts,
repeated ones, callers that give up, sessions that PostgreSQL ends mid-way. After each step it looks for an
order in which the model (`domain/stock_model.py`) gives exactly the outcomes that were seen and the stock
that is there; a request whose answer was lost may have happened or not, but wholly.

LISTINGS_PROVE=1 runs more and longer histories.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import Counter
from contextlib import AsyncExitStack
from itertools import chain, combinations, permutations
from typing import TYPE_CHECKING, Any, ClassVar

import hypothesis.strategies as st
import pytest
import uvloop
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from providers.engine import Running, run_engine
from providers.shelves import ITEMS, ON_HAND, requests, reset, stock_of
from rich.console import Console
from rich.table import Table
from structlog.testing import capture_logs

from listings.db.inventory import InventoryRows
from listings.db.statements import Statement
from listings.domain.errors import Unavailable
from listings.domain.inventory import MovementType
from listings.domain.stock import Item, Line, Outcomes, StockRequest
from listings.domain.stock_model import StockModel

if TYPE_CHECKING:
    from collections.abc import Iterable

PROVE = os.environ.get("LISTINGS_PROVE") == "1"

HARMLESS = StockRequest(MovementType.DECREMENT, [Line(Item(404), 1)])

# The engines' sessions, busy and idle ones; not the one that reads.
END_SESSIONS = Statement(
    "test.end",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%listings_apply_stock%'",
)


class TwoEngines(RuleBasedStateMachine):
    dsn: ClassVar[str]
    happened: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.loop = uvloop.new_event_loop()
        self.stack = AsyncExitStack()
        self.model = StockModel(copy.deepcopy(ITEMS))
        self.engines: list[Running] = [
            self.run(self.stack.enter_async_context(run_engine(self.dsn, pool_size=3))) for _ in range(2)
        ]
        self.reader: Running = self.run(self.stack.enter_async_context(run_engine(self.dsn, pool_size=1)))
        self.run(reset_shelves(self.reader))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @rule(batch=st.lists(st.tuples(requests, st.integers(0, 1)), min_size=1, max_size=4))
    def together(self, batch: list[tuple[StockRequest, int]]) -> None:
        async def work() -> list[Outcomes | BaseException]:
            return await asyncio.gather(
                *(self.engines[engine].engine.do(request) for request, engine in batch),
                return_exceptions=True,
            )

        self.settle([request for request, _ in batch], self.run(work()))

    @rule(request=requests, times=st.integers(2, 4))
    def repeated_at_once(self, request: StockRequest, times: int) -> None:
        self.together([(request, number % 2) for number in range(times)])

    @rule(request=requests, other=requests, ticks=st.integers(0, 6))
    def caller_gives_up(self, request: StockRequest, other: StockRequest, ticks: int) -> None:
        async def work() -> list[Outcomes | BaseException]:
            lost = asyncio.ensure_future(self.engines[0].engine.do(request))
            kept = asyncio.ensure_future(self.engines[0].engine.do(other))
            for _ in range(ticks):
                await asyncio.sleep(0)
            lost.cancel()
            answers = await asyncio.gather(lost, kept, return_exceptions=True)
            # What was sent before the caller gave up has ended when the request after it has.
            await asyncio.gather(self.engines[0].engine.do(HARMLESS), return_exceptions=True)
            return answers

        self.settle([request, other], self.run(work()))

    @rule(batch=st.lists(requests, min_size=1, max_size=3), ticks=st.integers(0, 4))
    def sessions_are_ended(self, batch: list[StockRequest], ticks: int) -> None:
        async def work() -> list[Outcomes | BaseException]:
            tasks = [asyncio.ensure_future(self.engines[0].engine.do(request)) for request in batch]
            for _ in range(ticks):
                await asyncio.sleep(0)
            await self.reader.connections.fetch(END_SESSIONS)
            return await asyncio.gather(*tasks, return_exceptions=True)

        self.settle(batch, self.run(work()))

    def settle(self, asked: list[StockRequest], answers: list[Outcomes | BaseException]) -> None:
        """Tell answers from lost ones; only callers that gave up and ended sessions lose any."""
        seen, lost = [], []
        for request, answer in zip(asked, answers, strict=True):
            if isinstance(answer, BaseException):
                assert isinstance(answer, Unavailable | asyncio.CancelledError), repr(answer)
                lost.append(request)
            else:
                seen.append((request, answer))
        self.explain(seen, lost)

    def explain(self, seen: list[tuple[StockRequest, Outcomes]], lost: list[StockRequest]) -> None:
        """Find the order; take its model on from here."""
        self.happened["requests"] += len(seen) + len(lost)
        self.happened["lost answers"] += len(lost)
        stock = self.run(on_hand(self.reader))
        for happened in subsets(lost):
            for order in permutations([*seen, *((request, None) for request in happened)]):
                model = copy.deepcopy(self.model)
                fits = all(model.apply(request) == answer or answer is None for request, answer in order)
                if fits and {item: shelf.stock for item, shelf in model.shelves.items()} == stock:
                    self.model = model
                    self.happened["steps explained"] += 1
                    return
        raise AssertionError(f"no order explains {seen}, lost {lost}, stock {stock}, from {self.model}")

    def teardown(self) -> None:
        assert self.run(InventoryRows(self.reader.connections).drift(most=10)) == []
        self.happened["histories"] += 1
        self.run(self.stack.aclose())
        self.loop.close()
        super().teardown()


def subsets(lost: list[StockRequest]) -> Iterable[tuple[StockRequest, ...]]:
    return chain.from_iterable(combinations(lost, size) for size in range(len(lost) + 1))


async def reset_shelves(running: Running) -> None:
    for text in reset():
        await running.connections.fetch(Statement("test.reset", text))


async def on_hand(running: Running) -> dict[Item, int]:
    return stock_of(await running.connections.fetch(Statement("test.on_hand", ON_HAND)))


@pytest.mark.timeout(3600 if PROVE else 120)
def test_every_history_has_an_order_that_explains_it(dsn):
    TwoEngines.dsn = dsn
    with capture_logs():  # a line for each repeated request
        run_state_machine_as_test(
            TwoEngines,
            settings=settings(
                max_examples=200 if PROVE else 8,
                stateful_step_count=40 if PROVE else 12,
                deadline=None,
                derandomize=not PROVE,
                database=None,
                phases=[Phase.generate],  # histories depend on timing: a shrunken one would be another one
                suppress_health_check=list(HealthCheck),
            ),
        )
    table = Table("what happened", "times", title="the engine against its model", min_width=40)
    table.columns[1].justify = "right"
    for name, times in TwoEngines.happened.items():
        table.add_row(name, f"{times:,}")
    Console().print(table)
