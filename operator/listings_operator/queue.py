"""The work queue: which resource is looked at next, by whom, and when again.

`handlers.py` puts keys in, workers of `__main__.py` take them out. A key says only that something may differ: the
look finds out what. So ten events about one resource are one look, an event during a look means one more look after
it, and a key is never in two workers' hands. A failed look is repeated after a growing pause; a pause that must
survive the operator's own restart stands in the resource's status instead (`ledger.Attempt`).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# The first repetition comes at once for a person; the longest pause bounds how late a mended cluster is noticed.
FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 60.0
# Between two looks at the same resource: making its objects causes an event for each, and one look answers all.
SPACING_SECONDS: Final = 0.2


class Key(NamedTuple):
    """A ListingsDeployment."""

    namespace: str
    name: str


class WorkQueue:
    """Keys to look at, each once, in the order in which they came."""

    def __init__(
        self,
        *,
        first_retry: float = FIRST_RETRY_SECONDS,
        longest_retry: float = LONGEST_RETRY_SECONDS,
        spacing: float = SPACING_SECONDS,
    ) -> None:
        """Pauses are in seconds; each retry doubles the one before, and is shortened at random by up to a half."""
        self._first_retry = first_retry
        self._longest_retry = longest_retry
        self._spacing = spacing
        self._ready: deque[Key] = deque()
        self._since: dict[Key, float] = {}  # of every key that waits or is asked for again: when that began
        self._active: dict[Key, float] = {}  # in a worker's hands: since when
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Condition()
        self._stopping = False
        self._wakers: set[asyncio.Task[None]] = set()

    def add(self, key: Key) -> None:
        """Look at this soon; costs nothing when that is planned already."""
        if key in self._since or self._stopping:
            return
        self._since[key] = asyncio.get_running_loop().time()
        self._cancel_timer(key)
        if key not in self._active:
            self._make_ready(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at this in so many seconds unless something asks for it before; the earlier of two times wins."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if (
            key in self._since
            or self._stopping
            or (timer is not None and timer.when() <= loop.time() + seconds)
        ):
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def forget(self, key: Key) -> None:
        """There is no such resource any more."""
        self._cancel_timer(key)
        self._failures.pop(key, None)

    async def run(self, look: Callable[[Key], Awaitable[float | None]], *, workers: int) -> None:
        """Let so many workers look until `stop`.

        `look` returns the seconds until the next look, or None for a resource that is gone; when it raises, the
        key comes again after a pause. It has to log what it raises: here only the pause grows.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work(look))

    async def stop(self) -> None:
        """Take nothing more; looks under way go on to their end, and `run` returns after the last."""
        self._stopping = True
        self._ready.clear()
        self._since.clear()
        for key in list(self._timers):
            self._cancel_timer(key)
        async with self._wake:
            self._wake.notify_all()

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._ready)

    @property
    def oldest_wait_seconds(self) -> float:
        """How long the first of them has waited."""
        return asyncio.get_running_loop().time() - self._since[self._ready[0]] if self._ready else 0.0

    @property
    def longest_look_seconds(self) -> float:
        """How long the slowest look under way has taken so far."""
        began = min(self._active.values(), default=None)
        return 0.0 if began is None else asyncio.get_running_loop().time() - began

    async def _work(self, look: Callable[[Key], Awaitable[float | None]]) -> None:
        while (key := await self._next()) is not None:
            again: float | None
            try:
                again = await look(key)
            except Exception:  # noqa: BLE001 - `look` has logged it; one resource's trouble may not stop the others'
                again = self._pause_after_failure(key)
            else:
                self._failures.pop(key, None)
            self._finish(key, again)

    async def _next(self) -> Key | None:
        async with self._wake:
            await self._wake.wait_for(lambda: self._ready or self._stopping)
            if self._stopping:
                return None
            key = self._ready.popleft()
        del self._since[key]
        self._active[key] = asyncio.get_running_loop().time()
        return key

    def _finish(self, key: Key, again: float | None) -> None:
        del self._active[key]
        if self._since.pop(key, None) is not None:
            self.add_after(key, self._spacing if again is None else min(self._spacing, again))
        elif again is None:
            self.forget(key)
        else:
            self.add_after(key, again)

    def _pause_after_failure(self, key: Key) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        pause = min(self._first_retry * 2.0 ** min(failures, 30), self._longest_retry)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, guards nothing

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _make_ready(self, key: Key) -> None:
        self._ready.append(key)
        waker = asyncio.get_running_loop().create_task(self._notify())
        self._wakers.add(waker)
        waker.add_done_callback(self._wakers.discard)

    async def _notify(self) -> None:
        async with self._wake:
            self._wake.notify()

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
