"""Point reads that arrive together become one `= ANY($1)` query.

While `in_flight` queries run, further keys queue; the next query takes them all. There is no timer: a
query leaves as soon as two turns of the event loop bring no further key, which for a lone caller are
microseconds. Under load requests arrive one a turn, and waiting for the quiet makes one statement of
what would be many. A key asked for after a query was sent is never answered by that query, so a
caller always reads its own writes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

# A turn may end between two requests that arrived together; two in a row are quiet.
_QUIET_TURNS: Final = 2


class CoalescedReads(Generic[K, V]):
    """Merges concurrent `get(key)` calls into calls of `load(keys)`, which omits missing keys."""

    def __init__(
        self,
        load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        max_batch: int = 128,
        in_flight: int = 2,
    ) -> None:
        self._load = load
        self._max_batch = max_batch
        self._in_flight = in_flight
        self._running = 0
        self._queued: dict[K, list[asyncio.Future[V | None]]] = {}
        self._scheduled = False
        self._gathered = 0
        self._quiet_turns = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """The value of `key`, or None when `load` does not know it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[V | None] = loop.create_future()
        self._queued.setdefault(key, []).append(answer)
        self._schedule(loop)
        return await answer

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled and self._running < self._in_flight:
            self._scheduled = True
            self._gathered = self._quiet_turns = 0
            loop.call_soon(self._gather, loop)

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the event loop turn for as long as that brings further keys, then ask for them all."""
        size = len(self._queued)
        self._quiet_turns = self._quiet_turns + 1 if size == self._gathered else 0
        if self._quiet_turns < _QUIET_TURNS and size < self._max_batch:
            self._gathered = size
            loop.call_soon(self._gather, loop)
        else:
            self._send()

    def _send(self) -> None:
        self._scheduled = False
        while self._queued and self._running < self._in_flight:
            batch: dict[K, list[asyncio.Future[V | None]]] = {}
            while self._queued and len(batch) < self._max_batch:
                key, answers = self._queued.popitem()
                waiting = [answer for answer in answers if not answer.done()]
                if waiting:
                    batch[key] = waiting
            if batch:
                self._running += 1
                task = asyncio.get_running_loop().create_task(self._run(batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: dict[K, list[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._load(list(batch))
            for key, answers in batch.items():
                value = found.get(key)
                for answer in answers:
                    if not answer.done():
                        answer.set_result(value)
        except BaseException as error:
            for answers in batch.values():
                for answer in answers:
                    if not answer.done():
                        answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._running -= 1
            if self._queued:
                self._schedule(asyncio.get_running_loop())
