"""Concurrent point reads become few queries, and every caller gets its own answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from listings.db.coalesce import CoalescedReads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Source:
    """A table whose queries wait until they are let go."""

    def __init__(self) -> None:
        self.queries: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.rows = {number: f"row {number}" for number in range(100)}

    async def load(self, keys: Sequence[int]) -> Mapping[int, str]:
        self.queries.append(sorted(keys))
        seen = {key: self.rows[key] for key in keys if key in self.rows}
        await self.gate.wait()
        return seen


async def test_keys_of_one_tick_are_one_query():
    source = Source()
    reads = CoalescedReads(source.load)
    answers = await asyncio.gather(*(reads.get(number) for number in (3, 1, 2, 3)))
    assert answers == ["row 3", "row 1", "row 2", "row 3"]
    assert source.queries == [[1, 2, 3]]


async def test_a_missing_key_is_none():
    assert await CoalescedReads(Source().load).get(1000) is None


async def test_while_queries_run_further_keys_wait_for_one_common_query():
    source = Source()
    source.gate.clear()
    reads = CoalescedReads(source.load)
    first = asyncio.create_task(reads.get(1))
    while not source.queries:
        await asyncio.sleep(0)
    others = [asyncio.create_task(reads.get(number)) for number in range(2, 50)]
    await asyncio.sleep(0)
    source.gate.set()
    await asyncio.gather(first, *others)
    assert source.queries == [[1], list(range(2, 50))]


async def test_a_key_asked_for_after_a_query_was_sent_is_read_again():
    source = Source()
    source.gate.clear()
    reads = CoalescedReads(source.load)
    before = asyncio.create_task(reads.get(7))
    while not source.queries:
        await asyncio.sleep(0)
    source.rows[7] = "changed"
    after = asyncio.create_task(reads.get(7))
    await asyncio.sleep(0)
    source.gate.set()
    assert await before == "row 7"
    assert await after == "changed"


async def asks_after_quiet_turns(
    reads: CoalescedReads[int, str], source: Source, quiet: int
) -> list[list[int]]:
    """The queries made for two keys, the second asked for after so many turns of the event loop without a key."""
    already = len(source.queries)
    first = asyncio.create_task(reads.get(1))
    for _ in range(quiet + 1):
        await asyncio.sleep(0)
    await asyncio.gather(first, reads.get(2))
    return source.queries[already:]


async def test_nobody_waits_for_company_that_was_not_there_before():
    source = Source()
    reads = CoalescedReads(source.load)
    assert await asks_after_quiet_turns(reads, source, 4) == [[1], [2]]


async def test_where_callers_come_in_company_a_few_quiet_turns_do_not_part_them():
    source = Source()
    reads = CoalescedReads(source.load)
    await asyncio.gather(*(reads.get(number) for number in range(5)))
    assert await asks_after_quiet_turns(reads, source, 4) == [[1, 2]]
    assert await asks_after_quiet_turns(reads, source, 40) == [[1], [2]]


async def test_batches_are_bounded():
    source = Source()
    reads = CoalescedReads(source.load, max_batch=10)
    await asyncio.gather(*(reads.get(number) for number in range(25)))
    assert sorted(len(query) for query in source.queries) == [5, 10, 10]


async def test_a_failed_query_fails_its_callers_and_no_later_one():
    class Broken(Source):
        async def load(self, keys: Sequence[int]) -> Mapping[int, str]:
            if not self.queries:
                self.queries.append(list(keys))
                raise ConnectionError("away")
            return await super().load(keys)

    source = Broken()
    reads = CoalescedReads(source.load)
    answers = await asyncio.gather(reads.get(1), reads.get(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionError, ConnectionError]
    assert await reads.get(3) == "row 3"


async def test_a_caller_that_gives_up_leaves_the_others_alone():
    source = Source()
    source.gate.clear()
    reads = CoalescedReads(source.load)
    gone = asyncio.create_task(reads.get(1))
    stays = asyncio.create_task(reads.get(1))
    while not source.queries:
        await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    source.gate.set()
    assert await stays == "row 1"


async def test_a_query_ends_with_the_last_of_its_callers_and_makes_room_for_the_next():
    source = Source()
    source.gate.clear()
    reads = CoalescedReads(source.load)
    callers = [asyncio.create_task(reads.get(number)) for number in (1, 1, 2)]
    while not source.queries:
        await asyncio.sleep(0)
    later = asyncio.create_task(reads.get(3))
    for caller in callers:
        assert source.queries == [[1, 2]]
        caller.cancel()
        await asyncio.wait([caller])
    while source.queries != [[1, 2], [3]]:
        await asyncio.sleep(0)
    source.gate.set()
    assert await later == "row 3"


@pytest.mark.parametrize("patience", range(6))
async def test_whenever_a_lone_caller_gives_up_the_next_key_is_read(patience):
    source = Source()
    source.gate.clear()
    reads = CoalescedReads(source.load)
    caller = asyncio.create_task(reads.get(1))
    for _ in range(patience):
        await asyncio.sleep(0)
    caller.cancel()
    source.gate.set()
    assert await reads.get(2) == "row 2"
