"""Counts by key that tell only the highest keys apart, for metrics whose labels must stay few.

`metrics.py` labels product views with it. What a key has counted is told under its own name while it is
among the highest and under `other` otherwise; nothing is ever counted down, so that rates stay true: a key
that rises begins at 0, one that falls leaves its count to `other`.
"""

from __future__ import annotations

from heapq import nlargest


class TopCounts:
    """Counts of at most `most` keys, and of all others together. Memory is bounded.

    Ranks are looked at anew after every `rank_every` additions: keys that take turns at the end of the
    list would otherwise change places with each of them.
    """

    def __init__(self, most: int, *, rank_every: int = 1000, remembered: int = 2000) -> None:
        self._most = most
        self._rank_every = rank_every
        self._remembered = remembered
        self._until_ranked = rank_every
        self._counts: dict[int, int] = {}  # ever since, of many more keys than are told
        self.top: dict[int, int] = {}
        self.other = 0

    def add(self, key: int, number: int = 1) -> None:
        """Count."""
        self._counts[key] = self._counts.get(key, 0) + number
        if key in self.top:
            self.top[key] += number
        elif len(self.top) < self._most:
            self.top[key] = number
        else:
            self.other += number
        self._until_ranked -= 1
        if not self._until_ranked:
            self._until_ranked = self._rank_every
            self._rank()

    def _rank(self) -> None:
        # Of equals those stay that are told already.
        ranked = nlargest(
            self._remembered, self._counts, key=lambda key: (self._counts[key], key in self.top)
        )
        self._counts = {key: self._counts[key] for key in ranked}
        highest = dict.fromkeys(ranked[: self._most], 0)
        self.other += sum(count for key, count in self.top.items() if key not in highest)
        # One assignment: a scrape on another thread sees the old list or the new one.
        self.top = {key: self.top.get(key, 0) for key in highest}
