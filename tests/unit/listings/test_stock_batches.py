"""How concurrent requests become batches."""

from __future__ import annotations

import asyncio

import pytest

from listings.domain.errors import Unavailable
from listings.usecases.stock_batch import Batches


class Shop:
    """Carries batches out when the test says so, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def carry_out(self, requests):
        self.batches.append(list(requests))
        await self.open.wait()
        if "away" in requests:
            raise Unavailable
        if "poison" in requests:
            raise ValueError(f"poisoned: {requests}")
        return [request.upper() for request in requests]


@pytest.fixture
def shop():
    return Shop()


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_requests_of_one_tick_share_a_batch_in_their_order(shop):
    batches = Batches(shop.carry_out)
    assert await asyncio.gather(*(batches.do(name) for name in "abc")) == ["A", "B", "C"]
    assert shop.batches == [["a", "b", "c"]]


async def test_those_that_arrive_while_a_batch_runs_wait_for_the_next(shop):
    batches = Batches(shop.carry_out)
    shop.open.clear()
    first = asyncio.ensure_future(batches.do("a"))
    await turns()
    rest = [asyncio.ensure_future(batches.do(name)) for name in "bcd"]
    await turns()
    assert shop.batches == [["a"]]
    shop.open.set()
    assert await asyncio.gather(first, *rest) == ["A", "B", "C", "D"]
    assert shop.batches == [["a"], ["b", "c", "d"]]


async def test_a_lone_request_is_sent_within_a_few_turns_of_the_loop(shop):
    batches = Batches(shop.carry_out)
    task = asyncio.ensure_future(batches.do("a"))
    await turns(5)
    assert shop.batches == [["a"]]
    await task


async def test_requests_that_keep_arriving_turn_by_turn_travel_together(shop):
    batches = Batches(shop.carry_out)
    tasks = []
    for name in "abc":
        tasks.append(asyncio.ensure_future(batches.do(name)))
        await turns(1)
    assert await asyncio.gather(*tasks) == ["A", "B", "C"]
    assert shop.batches == [["a", "b", "c"]]


async def test_a_batch_weighs_no_more_than_it_may_but_one_heavy_request_still_goes(shop):
    batches = Batches(shop.carry_out, weigh=len, enough=3)
    await asyncio.gather(*(batches.do(name) for name in ("aa", "b", "c", "dddd", "e")))
    assert shop.batches == [["aa", "b"], ["c"], ["dddd"], ["e"]]


async def test_what_is_heavy_enough_is_sent_while_more_is_arriving(shop):
    batches = Batches(shop.carry_out, weigh=len, enough=2)
    tasks = []
    for name in "abcd":
        tasks.append(asyncio.ensure_future(batches.do(name)))
        await turns(1)
    assert await asyncio.gather(*tasks) == ["A", "B", "C", "D"]
    assert shop.batches == [["a", "b"], ["c", "d"]]


async def test_two_may_be_in_flight(shop):
    batches = Batches(shop.carry_out, enough=1, in_flight=2)
    shop.open.clear()
    tasks = [asyncio.ensure_future(batches.do(name)) for name in "abc"]
    await turns()
    assert shop.batches == [["a"], ["b"]]
    shop.open.set()
    await asyncio.gather(*tasks)


async def test_a_poisoned_request_fails_alone(shop):
    batches = Batches(shop.carry_out)
    answers = await asyncio.gather(*(batches.do(n) for n in ("a", "poison", "b")), return_exceptions=True)
    assert [answers[0], answers[2]] == ["A", "B"]
    assert isinstance(answers[1], ValueError)
    assert shop.batches == [["a", "poison", "b"], ["a"], ["poison"], ["b"]]


async def test_where_the_fate_of_a_batch_is_unknown_it_is_not_repeated(shop):
    batches = Batches(shop.carry_out)
    answers = await asyncio.gather(*(batches.do(n) for n in ("a", "away")), return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert shop.batches == [["a", "away"]]
    assert await batches.do("b") == "B"


async def test_a_caller_that_gives_up_in_the_queue_takes_its_request_along(shop):
    batches = Batches(shop.carry_out)
    shop.open.clear()
    first = asyncio.ensure_future(batches.do("a"))
    await turns()
    second = asyncio.ensure_future(batches.do("b"))
    await turns()
    second.cancel()
    await turns()
    shop.open.set()
    await first
    assert await batches.do("c") == "C"
    assert shop.batches == [["a"], ["c"]]


async def test_a_caller_that_gives_up_after_sending_disturbs_nobody(shop):
    batches = Batches(shop.carry_out)
    shop.open.clear()
    tasks = [asyncio.ensure_future(batches.do(name)) for name in ("a", "poison", "c")]
    await turns()
    tasks[0].cancel()
    shop.open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[2] == "C"


async def test_callers_of_a_batch_that_is_cancelled_are_told(shop):
    """As when the service stops while the database is still at work."""
    batches = Batches(shop.carry_out)
    shop.open.clear()
    callers = [asyncio.ensure_future(batches.do(name)) for name in "ab"]
    await turns()
    for task in asyncio.all_tasks() - {asyncio.current_task(), *callers}:
        task.cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
    shop.open.set()
    assert await batches.do("c") == "C"


async def test_a_batch_ends_with_the_last_of_its_callers_and_the_next_one_begins(shop):
    batches = Batches(shop.carry_out)
    shop.open.clear()
    callers = [asyncio.ensure_future(batches.do(name)) for name in "ab"]
    await turns()
    assert shop.batches == [["a", "b"]]
    callers[0].cancel()
    await turns()
    next_one = asyncio.ensure_future(batches.do("c"))
    await turns()
    assert shop.batches == [["a", "b"]]  # somebody still waits for the first
    callers[1].cancel()
    await turns(8)
    assert shop.batches == [["a", "b"], ["c"]]
    shop.open.set()
    assert await next_one == "C"


@pytest.mark.parametrize("patience", range(6))
async def test_whenever_a_lone_caller_gives_up_the_next_request_is_carried_out(shop, patience):
    batches = Batches(shop.carry_out)
    shop.open.clear()
    caller = asyncio.ensure_future(batches.do("a"))
    await turns(patience)
    caller.cancel()
    shop.open.set()
    assert await batches.do("b") == "B"


@pytest.mark.parametrize(("quiet", "batches"), [(2, 4), (8, 1)], ids=["few-turns", "many-turns"])
async def test_callers_that_come_some_turns_apart_share_a_batch_where_many_quiet_turns_are_waited_for(
    quiet, batches
):
    sizes = []

    async def carry_out(requests):
        sizes.append(len(requests))
        return requests

    merged = Batches(carry_out, quiet_in_company=quiet)
    await asyncio.gather(merged.do(0), merged.do(0))

    async def after(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        await merged.do(turns)

    await asyncio.gather(*(after(5 * number) for number in range(4)))

    assert sizes[0] == 2
    assert len(sizes) == 1 + batches
