"""The arithmetic of a token bucket, in whole microseconds.

A bucket's whole state is one number: the moment at which it will be full again. Taking a token puts that moment
off by the time in which one token comes back; a bucket is empty when the moment is as far away as a full refill.
The script in `cache/redis_buckets.py` computes the same; a property compares both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MINUTE: Final = 60_000_000
# The most that still has whole microseconds between tokens without an error above a hundredth.
MOST_PER_MINUTE: Final = 600_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`tokens` at once, then one per `interval` microseconds: no window of any length admits more than that."""

    tokens: int
    interval: int

    @property
    def span(self) -> int:
        """The microseconds in which an empty bucket fills."""
        return self.tokens * self.interval


@lru_cache(maxsize=1024)
def per_minute(calls: int) -> Rate:
    """The rate of a limit; the interval is rounded up, so that a minute never brings back more than `calls`."""
    return Rate(calls, -(-MINUTE // calls))


def take(rate: Rate, full_at: int, now: int, wanted: int = 1) -> tuple[int, int]:
    """How many of the wanted tokens there are, and when the bucket will be full after they are taken.

    A `full_at` further away than a refill (another rate, a clock that was set back) counts as an empty bucket.
    """
    full_at = min(max(full_at, now), now + rate.span)
    granted = min(wanted, (now + rate.span - full_at) // rate.interval)
    return granted, full_at + granted * rate.interval


def until_next(rate: Rate, full_at: int, now: int) -> int:
    """Microseconds until there is a token."""
    return max(0, full_at + rate.interval - rate.span - now)
