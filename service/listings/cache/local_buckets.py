"""Token buckets of one process: all there is without Redis, and what judges while Redis is away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from listings.domain.token_bucket import take, until_next

if TYPE_CHECKING:
    from collections.abc import Callable

    from listings.domain.token_bucket import Rate
    from listings.limit_metrics import BucketMetrics

# Kept per process, some 25 MB; who is forgotten early finds a full bucket.
MOST_KEPT: Final = 100_000

Kept = TypeVar("Kept")


def microseconds() -> int:
    """A clock that nobody can set."""
    return time.monotonic_ns() // 1000


class Recent(Generic[Kept]):
    """What is known by key until a moment. Bounded: what is over is forgotten by and by, then the oldest."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._entries: dict[str, tuple[int, Kept]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, now: int) -> Kept | None:
        """What is known, unless its moment has passed."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] > now else None

    def pop(self, key: str, now: int) -> Kept | None:
        """The same, and forget it."""
        entry = self._entries.pop(key, None)
        return entry[1] if entry is not None and entry[0] > now else None

    def put(self, key: str, value: Kept, until: int, now: int) -> None:
        """Know it until then. Two of the longest untouched go for each that comes, if they are over."""
        entries = self._entries
        entries.pop(key, None)
        entries[key] = (until, value)
        for _ in range(2):
            oldest = next(iter(entries))
            if entries[oldest][0] > now and len(entries) <= self._most:
                return
            del entries[oldest]
            if not entries:
                return


class LocalBuckets:
    """Not for several threads."""

    def __init__(self, metrics: BucketMetrics, *, clock: Callable[[], int] = microseconds) -> None:
        """`clock` in microseconds."""
        self._clock = clock
        self._metrics = metrics
        self._full_at: Recent[int] = Recent()

    def take(self, key: str, rate: Rate) -> int:
        """Take a token: 0, or the microseconds until there is one."""
        self._metrics.decided("process")
        return self.judge(key, rate)

    def judge(self, key: str, rate: Rate) -> int:
        """The same, for who counts by himself what decided."""
        now = self._clock()
        granted, full_at = take(rate, self._full_at.get(key, now) or now, now)
        if granted:
            self.learn(key, full_at, now)
            return 0
        return until_next(rate, full_at, now)

    def learn(self, key: str, full_at: int, now: int) -> None:
        """Somebody who knows better says when the bucket will be full."""
        self._full_at.put(key, full_at, full_at, now)
        self._metrics.kept(len(self._full_at))

    def full_in(self, key: str, now: int) -> int:
        """Microseconds until the bucket is full, as far as this process knows."""
        full_at = self._full_at.get(key, now)
        return full_at - now if full_at is not None else 0
