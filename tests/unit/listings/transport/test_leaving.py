"""Answers wait until callers have stopped calling, and no longer than that is worth."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from listings.transport.grpc import leaving as module
from listings.transport.grpc.leaving import Leaving


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0)
    monkeypatch.setattr(module, "_TELLING_SECONDS", 0)


async def test_answers_are_held_until_the_clients_are_told():
    leaving = Leaving()
    assert leaving.told is None
    await leaving.hold(lambda: 0)
    answer = asyncio.create_task(leaving.told.wait())
    done, _ = await asyncio.wait([answer], timeout=0)
    assert not done
    await leaving.release()
    assert await answer


async def test_holding_ends_when_no_call_has_arrived_for_a_while():
    looks = iter([1, 3, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, "one look too many"])  # two per pause
    await Leaving().hold(lambda: next(looks))
    assert next(looks) == "one look too many"


async def test_a_steady_stream_of_calls_does_not_hold_the_stop_up():
    counts = count()
    await Leaving().hold(lambda: next(counts))
    assert next(counts) == 2 * module._MOST_LOOKS
