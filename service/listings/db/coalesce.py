"""Point reads that arrive together become one `= ANY($1)` query.

While a query runs, further keys queue; the next query takes them all. There is no timer: a query leaves
as soon as a few turns of the event loop bring no further key, which are microseconds. Under load requests
arrive one in several turns, and waiting for the quiet makes one statement of what would be many: the
tenth key of a statement costs PostgreSQL a third of what a statement for it alone does, and one session
that is always at work has its caches warm, where two that take turns at sleeping have not. So one query
is under way at a time, and turns without a key are waited for only while callers come in company.

A key asked for after a query was sent is never answered by that query, so a caller always reads its own
writes. A query whose callers have all given up is cancelled.
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

# A turn may end between two requests that arrived together; two in a row are quiet. Where the last query had several
# keys, the next callers are on their way through the transport, which takes some turns for each.
_QUIET_TURNS_ALONE: Final = 2
_QUIET_TURNS_IN_COMPANY: Final = 6


class CoalescedReads(Generic[K, V]):
    """Merges concurrent `get(key)` calls into calls of `load(keys)`, which omits missing keys."""

    def __init__(
        self,
        load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        max_batch: int = 128,
    ) -> None:
        self._load = load
        self._max_batch = max_batch
        self._under_way = SharedWork(self._schedule)
        self._queued: dict[K, list[asyncio.Future[V | None]]] = {}
        self._scheduled = False
        self._gathered = 0
        self._quiet_turns = 0
        self._quiet_enough = _QUIET_TURNS_ALONE

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
        if self._queued and not self._scheduled and not self._under_way:
            loop = asyncio.get_running_loop()
            self._scheduled = True
            self._gathered = self._quiet_turns = 0
            loop.call_soon(self._gather, loop)

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the event loop turn for as long as that brings further keys, then ask for them all."""
        size = len(self._queued)
        self._quiet_turns = self._quiet_turns + 1 if size == self._gathered else 0
        if self._quiet_turns < self._quiet_enough and size < self._max_batch:
            self._gathered = size
            loop.call_soon(self._gather, loop)
        else:
            self._send()

    def _send(self) -> None:
        self._scheduled = False
        while self._queued and not self._under_way:
            batch: dict[K, list[asyncio.Future[V | None]]] = {}
            while self._queued and len(batch) < self._max_batch:
                key, answers = self._queued.popitem()
                waiting = [answer for answer in answers if not answer.done()]
                if waiting:
                    batch[key] = waiting
            if batch:
                self._quiet_enough = _QUIET_TURNS_IN_COMPANY if len(batch) > 1 else _QUIET_TURNS_ALONE
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
