"""Few labels for many keys: the highest keep theirs, sums never fall, memory stays bounded."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from listings.top_counts import TopCounts


def test_the_first_keys_are_told_until_there_are_too_many():
    counts = TopCounts(2)
    for key in (1, 2, 3, 1):
        counts.add(key)
    assert counts.top == {1: 2, 2: 1}
    assert counts.other == 1


def test_a_key_that_overtakes_takes_the_place_of_the_lowest():
    counts = TopCounts(2, rank_every=10)
    for key in (1, 1, 2, 3, 3, 3, 3, 3, 3, 3):
        counts.add(key)
    assert counts.top == {1: 2, 3: 0}, "3 is told from now on: what it had is part of other"
    assert counts.other == 7 + 1
    counts.add(3, 5)
    assert counts.top == {1: 2, 3: 5}


def test_equals_keep_their_places():
    counts = TopCounts(1, rank_every=2)
    for key in (1, 2) * 10:
        counts.add(key)
    assert list(counts.top) == [1]


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 9)), max_size=200))
def test_nothing_is_lost_and_nothing_falls_but_what_leaves(added):
    counts = TopCounts(5, rank_every=7, remembered=10)
    for place, (key, number) in enumerate(added, start=1):
        before = dict(counts.top)
        counts.add(key, number)
        assert len(counts.top) <= 5
        assert all(counts.top[told] >= before[told] for told in before.keys() & counts.top.keys())
        assert counts.other + sum(counts.top.values()) == sum(count for _, count in added[:place])
        assert len(counts._counts) <= 10 + 7


def test_the_highest_are_told_however_late_they_come():
    counts = TopCounts(50)
    for key in range(1, 10_001):
        counts.add(key)
    for _ in range(40):
        for key in range(20_000, 20_050):
            counts.add(key)
    assert set(counts.top) == set(range(20_000, 20_050))
