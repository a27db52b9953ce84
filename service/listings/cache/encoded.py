"""Encoded answers kept in process: a hit costs one dictionary look-up and no encoding.

Entries live under a *topic* (`("listing", 7)`, `("pages",)`): whatever changes the thing invalidates
its topic. A fill that began before an invalidation is not stored, so an answer read from the database
just before a commit cannot outlive that commit. The time to live bounds what writers that do not tell
us (the old service, psql) may leave stale.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from listings.metrics import CacheMetrics

Topic = tuple["Hashable", ...]

# Invalidations remembered to judge fills that are under way; older fills are simply not stored.
_REMEMBERED: Final = 10_000
# What a dictionary entry, its key and its bookkeeping cost besides the bytes: a measured average.
_ENTRY_OVERHEAD_BYTES: Final = 400


@dataclass(frozen=True, slots=True)
class Fill:
    """A promise to store under `topic` what is read from now on."""

    topic: Topic
    began: int


class _Load:
    """An answer being made, for as long as somebody waits for it."""

    def __init__(self, fill: Fill, answer: Awaitable[bytes]) -> None:
        self.fill = fill
        self._answer = asyncio.ensure_future(answer)
        self._waiting = 0

    async def wait(self) -> bytes:
        """The answer; the last caller that is cancelled takes the work along."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._answer)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._answer.cancel()


class EncodedCache:
    """Bytes by (topic, key), bounded in bytes, least recently used first out. Not thread-safe."""

    def __init__(
        self,
        metrics: CacheMetrics,
        *,
        enabled: bool = True,
        ttl_seconds: float = 2.0,
        max_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._enabled = enabled
        self._ttl = ttl_seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._metrics = metrics
        self._entries: OrderedDict[tuple[Topic, Hashable], tuple[bytes, float]] = OrderedDict()
        self._keys: dict[Topic, set[Hashable]] = {}
        self._bytes = 0
        self._now = 0
        self._invalidated: OrderedDict[Topic, int] = OrderedDict()
        self._forgotten_before = 0
        self._loading: dict[tuple[Topic, Hashable], _Load] = {}
        metrics.max_bytes = max_bytes if enabled else 0

    def get(self, topic: Topic, key: Hashable = None) -> bytes | None:
        """The stored bytes, or None when absent, expired or the cache is switched off."""
        entry = self._entries.get((topic, key))
        if entry is None:
            if self._enabled:
                self._metrics.miss(topic[0])
            return None
        data, expires_at = entry
        if expires_at <= self._clock():
            self._remove((topic, key))
            self._metrics.miss(topic[0])
            return None
        self._entries.move_to_end((topic, key))
        self._metrics.hit(topic[0])
        return data

    def begin(self, topic: Topic) -> Fill:
        """Call before reading what will be stored under `topic`."""
        return Fill(topic, self._now)

    @property
    def enabled(self) -> bool:
        """Whether answers are kept at all."""
        return self._enabled

    @property
    def ttl_seconds(self) -> float:
        """How long an answer may be served; 0 when the cache is switched off."""
        return self._ttl if self._enabled else 0.0

    def still_true(self, fill: Fill) -> bool:
        """Whether nothing was invalidated that makes an answer begun at `fill` stale."""
        if fill.began < self._forgotten_before:
            return False
        return self._invalidated.get(fill.topic, 0) <= fill.began

    def put(self, fill: Fill, data: bytes, key: Hashable = None) -> None:
        """Store `data`, unless its topic was invalidated since `begin`."""
        if not self._enabled or not self.still_true(fill):
            return
        size = len(data) + _ENTRY_OVERHEAD_BYTES
        if size > self._max_bytes:
            return
        place = (fill.topic, key)
        if place in self._entries:
            self._remove(place)
        self._entries[place] = (data, self._clock() + self._ttl)
        self._keys.setdefault(fill.topic, set()).add(key)
        self._bytes += size
        self._metrics.stored()
        while self._bytes > self._max_bytes:
            self._remove(next(iter(self._entries)))
            self._metrics.evicted()
        self._metrics.size(len(self._entries), self._bytes)

    async def through(self, topic: Topic, key: Hashable, load: Callable[[], Awaitable[bytes]]) -> bytes:
        """The stored bytes, or those that `load` makes; concurrent callers of one key share a load.

        A load that began before an invalidation is not shared with callers that came after it.
        """
        stored = self.get(topic, key)
        return stored if stored is not None else await self.fill(topic, key, load)

    async def fill(self, topic: Topic, key: Hashable, load: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `through` does on a miss, for callers that asked `get` themselves (the miss is counted once)."""
        fill = self.begin(topic)
        place = (topic, key)
        under_way = self._loading.get(place)
        if under_way is not None and self.still_true(under_way.fill):
            return await under_way.wait()
        loading = self._loading[place] = _Load(fill, load())
        try:
            data = await loading.wait()
        finally:
            if self._loading.get(place) is loading:
                del self._loading[place]
        self.put(fill, data, key)
        return data

    def invalidate(self, topic: Topic) -> None:
        """Drop everything under `topic` and refuse fills of it that began before now."""
        self._metrics.invalidated()
        self._now += 1
        self._invalidated[topic] = self._now
        self._invalidated.move_to_end(topic)
        if len(self._invalidated) > _REMEMBERED:
            _, self._forgotten_before = self._invalidated.popitem(last=False)
        for key in self._keys.pop(topic, set()):
            data, _ = self._entries.pop((topic, key))
            self._bytes -= len(data) + _ENTRY_OVERHEAD_BYTES
        self._metrics.size(len(self._entries), self._bytes)

    def clear(self) -> None:
        """Drop everything: after a lost connection to the invalidation bus nothing is known to be fresh."""
        self._now += 1
        self._forgotten_before = self._now
        self._invalidated.clear()
        self._entries.clear()
        self._keys.clear()
        self._bytes = 0
        self._metrics.size(0, 0)

    def _remove(self, place: tuple[Topic, Hashable]) -> None:
        data, _ = self._entries.pop(place)
        self._bytes -= len(data) + _ENTRY_OVERHEAD_BYTES
        topic, key = place
        keys = self._keys[topic]
        keys.discard(key)
        if not keys:
            del self._keys[topic]
