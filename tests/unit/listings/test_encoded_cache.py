"""The cache answers only what is still true."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from listings.cache.encoded import EncodedCache
from listings.metrics import Metrics

TOPICS = st.sampled_from([("listing", 1), ("listing", 2), ("pages",)])
KEYS = st.sampled_from([None, "a", "b"])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _cache(clock: Clock, **options: object) -> EncodedCache:
    return EncodedCache(Metrics().cache, clock=clock, **options)  # type: ignore[arg-type] # by keyword


def test_what_was_put_is_found_until_its_time_is_over(clock):
    cache = _cache(clock, ttl_seconds=2)
    cache.put(cache.begin(("listing", 1)), b"one")
    clock.now += 1.99
    assert cache.get(("listing", 1)) == b"one"
    clock.now += 0.02
    assert cache.get(("listing", 1)) is None


def test_a_fill_that_began_before_an_invalidation_is_not_stored(clock):
    cache = _cache(clock)
    fill = cache.begin(("listing", 1))
    cache.invalidate(("listing", 1))
    cache.put(fill, b"old")
    assert cache.get(("listing", 1)) is None


def test_an_invalidation_of_another_topic_does_not_hinder_a_fill(clock):
    cache = _cache(clock)
    fill = cache.begin(("listing", 1))
    cache.invalidate(("listing", 2))
    cache.put(fill, b"one")
    assert cache.get(("listing", 1)) == b"one"


def test_every_key_of_a_topic_goes_with_it(clock):
    cache = _cache(clock)
    for key in ("a", "b"):
        cache.put(cache.begin(("pages",)), key.encode(), key)
    cache.invalidate(("pages",))
    assert cache.get(("pages",), "a") is None
    assert cache.get(("pages",), "b") is None


def test_a_fill_older_than_what_is_remembered_is_not_stored(clock):
    cache = _cache(clock)
    fill = cache.begin(("listing", 1))
    for other in range(20_000):
        cache.invalidate(("listing", 1_000_000 + other))
    cache.put(fill, b"unknown")
    assert cache.get(("listing", 1)) is None


def test_least_recently_used_answers_make_room(clock):
    cache = _cache(clock, max_bytes=3 * 1400)
    for number in range(3):
        cache.put(cache.begin(("listing", number)), b"x" * 1000)
    cache.get(("listing", 0))
    cache.put(cache.begin(("listing", 3)), b"x" * 1000)
    assert cache.get(("listing", 1)) is None
    assert cache.get(("listing", 0)) is not None


def test_switched_off_it_keeps_nothing(clock):
    cache = _cache(clock, enabled=False)
    cache.put(cache.begin(("listing", 1)), b"one")
    assert cache.get(("listing", 1)) is None


async def test_concurrent_callers_share_one_load(clock):
    cache = _cache(clock)
    gate = asyncio.Event()
    loads = 0

    async def load() -> bytes:
        nonlocal loads
        loads += 1
        await gate.wait()
        return b"page"

    callers = [asyncio.create_task(cache.through(("pages",), "q", load)) for _ in range(5)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*callers) == [b"page"] * 5
    assert loads == 1


async def test_a_caller_after_an_invalidation_never_gets_a_load_from_before_it(clock):
    cache = _cache(clock)
    gates = [asyncio.Event(), asyncio.Event()]
    answers = iter([(gates[0], b"old"), (gates[1], b"new")])

    async def load() -> bytes:
        gate, answer = next(answers)
        await gate.wait()
        return answer

    before = asyncio.create_task(cache.through(("pages",), "q", load))
    await asyncio.sleep(0)
    cache.invalidate(("pages",))
    after = asyncio.create_task(cache.through(("pages",), "q", load))
    await asyncio.sleep(0)
    gates[1].set()
    assert await after == b"new"
    gates[0].set()
    assert await before == b"old"
    assert cache.get(("pages",), "q") == b"new"


async def test_one_caller_giving_up_does_not_cancel_the_others_load(clock):
    cache = _cache(clock)
    gate = asyncio.Event()

    async def load() -> bytes:
        await gate.wait()
        return b"page"

    first = asyncio.create_task(cache.through(("pages",), "q", load))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.through(("pages",), "q", load))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == b"page"


async def test_a_load_ends_with_the_last_of_its_callers(clock):
    cache = _cache(clock)
    ended = asyncio.Event()

    async def load() -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b"never"

    callers = [asyncio.create_task(cache.through(("pages",), "q", load)) for _ in range(2)]
    for caller in callers:
        await asyncio.sleep(0)
        assert not ended.is_set()
        caller.cancel()
        await asyncio.wait([caller])
    await asyncio.wait_for(ended.wait(), 5)


class CacheAgainstTruth(RuleBasedStateMachine):
    """Whatever order of reads, fills and changes: no answer older than the last change is given."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.cache = _cache(self.clock, ttl_seconds=2, max_bytes=5000)
        self.version: dict[object, int] = {}
        self.fills: list[tuple[object, object, int]] = []

    @rule(topic=TOPICS, key=KEYS)
    def begin(self, topic, key):
        self.fills.append((self.cache.begin(topic), key, self.version.get(topic, 0)))

    @rule(index=st.integers(min_value=0, max_value=50))
    def finish(self, index):
        if self.fills:
            fill, key, version = self.fills.pop(index % len(self.fills))
            self.cache.put(fill, str(version).encode(), key)

    @rule(topic=TOPICS)
    def change(self, topic):
        self.version[topic] = self.version.get(topic, 0) + 1
        self.cache.invalidate(topic)

    @rule()
    def forget(self):
        self.cache.clear()

    @rule(seconds=st.floats(min_value=0, max_value=3))
    def pass_time(self, seconds):
        self.clock.now += seconds

    @invariant()
    def answers_are_current(self):
        for topic in (("listing", 1), ("listing", 2), ("pages",)):
            for key in (None, "a", "b"):
                found = self.cache.get(topic, key)
                assert found is None or int(found) == self.version.get(topic, 0)


CacheAgainstTruth.TestCase.settings = settings(max_examples=50, deadline=None)
TestCacheAgainstTruth = CacheAgainstTruth.TestCase
