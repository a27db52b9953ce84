"""Point reads that arrive together become one `= ANY($1)` query.

While `in_flight` queries run, further keys queue; the next query takes them all. There is no timer: a
query leaves as soon as two turns of the event loop bring no further key, which for a lone caller are
microseconds. Under load requests arrive one a turn, and waiting for the quiet makes one statement of
what would be many. A key asked for after a query was sent is never answered by that query, so a
caller always reads its own writes. A query whose callers have all given up is cancelled.
"""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from listings.shared_work import SharedWork

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
        self._under_way = SharedWork(self._schedule)
        self._queued: dict[K, list[asyncio.Future[V | None]]] = {}
        self._scheduled = False
        self._gathered = 0
        self._quiet_turns = 0

    async def get(self, key: K) -> V | None:
        """The value of `key`, or None when `load` does not know it."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._queued.setdefault(key, []).append(answer)
        self._schedule()
        try:
            return await answer
        except asyncio.CancelledError:
            self._under_way.caller_left()
            raise

    def _schedule(self) -> None:
        if self._queued and not self._scheduled and len(self._under_way) < self._in_flight:
            loop = asyncio.get_running_loop()
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
        while self._queued and len(self._under_way) < self._in_flight:
            batch: dict[K, list[asyncio.Future[V | None]]] = {}
            while self._queued and len(batch) < self._max_batch:
                key, answers = self._queued.popitem()
                waiting = [answer for answer in answers if not answer.done()]
                if waiting:
                    batch[key] = waiting
            if batch:
                self._under_way.start(self._run(batch), list(chain.from_iterable(batch.values())))

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
