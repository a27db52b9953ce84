"""The arithmetic of a token bucket, and what a process remembers of buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.cache.local_buckets import LocalBuckets, Recent
from listings.domain.token_bucket import MINUTE, MOST_PER_MINUTE, per_minute, take, until_next
from listings.metrics import Metrics

limits = st.integers(min_value=1, max_value=MOST_PER_MINUTE)
# Pauses as callers make them: none, about a token's time, about a minute's.
pauses = st.one_of(st.just(0), st.integers(0, 2_000_000), st.integers(0, 2 * MINUTE))


@given(limits, st.lists(st.tuples(pauses, st.integers(1, 300)), max_size=40))
def test_no_window_admits_more_than_the_capacity_and_what_came_back_within_it(limit, asked):
    rate, now, full_at = per_minute(limit), 0, 0
    admissions: list[tuple[int, int]] = []
    for pause, wanted in asked:
        now += pause
        granted, full_at = take(rate, full_at, now, wanted)
        assert 0 <= granted <= wanted
        admissions.append((now, granted))
    for first, (start, _) in enumerate(admissions):
        admitted = 0
        for at, granted in admissions[first:]:
            admitted += granted
            assert admitted <= limit + (at - start) * limit / MINUTE


@given(limits, st.integers(1, 1000))
def test_a_new_bucket_gives_its_whole_capacity_at_once_and_no_more(limit, more):
    assert take(per_minute(limit), 0, 12345, limit + more)[0] == limit


@given(limits, pauses, st.integers(1, 300))
def test_a_refused_caller_finds_a_token_after_the_wait_and_none_before(limit, pause, wanted):
    rate = per_minute(limit)
    _, full_at = take(rate, 0, 0, wanted)
    now = pause
    _, full_at = take(rate, full_at, now, limit + wanted)  # empties it
    wait = until_next(rate, full_at, now)
    assert wait > 0
    assert take(rate, full_at, now + wait - 1)[0] == 0
    assert take(rate, full_at, now + wait)[0] == 1


@pytest.mark.parametrize("limit", [20, 50, 100, 200, 300])
def test_the_limits_that_are_shipped_come_back_to_the_microsecond(limit):
    assert per_minute(limit).span == MINUTE


@given(limits, st.integers(0, 10 * MINUTE))
def test_a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_a_refill(limit, back):
    rate, before = per_minute(limit), 20 * MINUTE
    _, full_at = take(rate, 0, before, limit)
    now = before - back
    _, full_at = take(rate, full_at, now)
    assert take(rate, full_at, now + rate.span, limit)[0] == limit


def test_buckets_that_are_full_again_are_forgotten():
    now = 0
    buckets = LocalBuckets(Metrics().rate_limit.buckets, clock=lambda: now)
    for caller in range(1000):
        buckets.take(f"caller {caller}", per_minute(60))
    assert len(buckets._full_at) == 1000
    now += 2_000_000
    for _ in range(1000):
        buckets.take("somebody", per_minute(6000))
    assert len(buckets._full_at) == 1


def test_no_more_is_remembered_than_there_is_room_for():
    recent: Recent[str] = Recent(most=3)
    for number in range(10):
        recent.put(f"key {number}", "value", 1000, 0)
    assert len(recent) == 3
    assert recent.get("key 9", 0) == "value"
    assert recent.get("key 0", 0) is None
    assert recent.get("key 9", 1000) is None
