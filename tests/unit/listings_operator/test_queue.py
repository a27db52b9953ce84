"""The work queue looks at every key that was asked for, once for many askings, never twice at a time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from listings_operator.queue import Key, WorkQueue

ONE = Key("shop", "one")
TWO = Key("shop", "two")


class Looks:
    """A worker's function that notes what it is given, holds it while told to, and fails on command."""

    def __init__(self) -> None:
        self.seen: list[Key] = []
        self.at_once = 0
        self.most_at_once: dict[Key, int] = {}
        self.active: dict[Key, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures = 0
        self.again: float | None = None

    async def __call__(self, key: Key) -> float | None:
        self.seen.append(key)
        self.active[key] = self.active.get(key, 0) + 1
        self.most_at_once[key] = max(self.most_at_once.get(key, 0), self.active[key])
        try:
            await self.gate.wait()
            if self.failures:
                self.failures -= 1
                raise RuntimeError("the look failed")
            return self.again
        finally:
            self.active[key] -= 1

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.seen) < count:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def running(queue: WorkQueue, looks: Looks, workers: int = 4):
    task = asyncio.create_task(queue.run(looks, workers=workers))
    try:
        yield
    finally:
        looks.gate.set()
        await queue.stop()
        await asyncio.wait_for(task, 5)


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue(first_retry=0.01, longest_retry=0.05, spacing=0.01)


async def test_many_askings_before_a_look_are_one_look(queue):
    looks = Looks()
    for _ in range(100):
        queue.add(ONE)
    assert queue.depth == 1
    async with running(queue, looks):
        queue.add(TWO)
        await looks.until(2)
        await asyncio.sleep(0.05)
    assert sorted(looks.seen) == [ONE, TWO]


async def test_askings_during_a_look_are_one_more_look_after_it(queue):
    looks = Looks()
    looks.gate.clear()
    async with running(queue, looks):
        queue.add(ONE)
        await looks.until(1)
        for _ in range(100):
            queue.add(ONE)
        looks.gate.set()
        await looks.until(2)
        await asyncio.sleep(0.05)
    assert looks.seen == [ONE, ONE]
    assert looks.most_at_once[ONE] == 1


async def test_a_key_is_never_in_two_hands(queue):
    looks = Looks()
    looks.again = 0.0
    async with running(queue, looks):
        for _ in range(200):
            queue.add(ONE)
            await asyncio.sleep(0.0005)
    assert looks.most_at_once[ONE] == 1
    assert len(looks.seen) > 1


async def test_one_slow_look_holds_up_no_other_key(queue):
    looks = Looks()
    looks.gate.clear()
    async with running(queue, looks, workers=2):
        queue.add(ONE)
        await looks.until(1)
        queue.add(TWO)
        await looks.until(2)
    assert looks.seen == [ONE, TWO]


async def test_keys_are_taken_in_the_order_in_which_they_came(queue):
    looks = Looks()
    keys = [Key("shop", str(number)) for number in range(20)]
    for key in keys:
        queue.add(key)
    async with running(queue, looks, workers=1):
        await looks.until(20)
    assert looks.seen == keys


async def test_a_failed_look_is_repeated_after_growing_pauses(queue):
    looks = Looks()
    looks.failures = 3
    async with running(queue, looks):
        queue.add(ONE)
        await looks.until(4)
        await asyncio.sleep(0.1)
    assert looks.seen == [ONE] * 4


async def test_an_event_ends_the_pause_after_a_failure():
    queue = WorkQueue(first_retry=3600, longest_retry=3600, spacing=0.01)
    looks = Looks()
    looks.failures = 1
    async with running(queue, looks):
        queue.add(ONE)
        await looks.until(1)
        queue.add(ONE)
        await looks.until(2)


async def test_a_look_comes_again_when_it_asked_for_it(queue):
    looks = Looks()
    looks.again = 0.01
    async with running(queue, looks):
        queue.add(ONE)
        await looks.until(3)


async def test_the_earlier_of_two_times_wins(queue):
    looks = Looks()
    async with running(queue, looks):
        queue.add_after(ONE, 3600)
        queue.add_after(ONE, 0.01)
        queue.add_after(ONE, 3600)
        await looks.until(1)


async def test_a_resource_that_is_gone_does_not_come_again(queue):
    looks = Looks()
    async with running(queue, looks):
        queue.add(ONE)
        await looks.until(1)
        await asyncio.sleep(0.05)
    assert looks.seen == [ONE]


async def test_stopping_waits_for_the_look_under_way_and_takes_nothing_more(queue):
    looks = Looks()
    looks.gate.clear()
    task = asyncio.create_task(queue.run(looks, workers=1))
    queue.add(ONE)
    await looks.until(1)
    queue.add(TWO)
    await queue.stop()
    await asyncio.sleep(0.01)
    assert not task.done()
    looks.gate.set()
    await asyncio.wait_for(task, 5)
    assert looks.seen == [ONE]
    queue.add(TWO)
    assert queue.depth == 0


async def test_how_long_keys_wait_and_looks_take_is_told(queue):
    assert (queue.depth, queue.oldest_wait_seconds, queue.longest_look_seconds) == (0, 0.0, 0.0)
    looks = Looks()
    looks.gate.clear()
    queue.add(TWO)
    await asyncio.sleep(0.01)
    assert queue.oldest_wait_seconds > 0
    async with running(queue, looks):
        await looks.until(1)
        await asyncio.sleep(0.01)
        assert queue.longest_look_seconds > 0
