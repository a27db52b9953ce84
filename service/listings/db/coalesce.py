"""Point reads that arrive together become one `= ANY($1)` query.

While a query runs, further keys queue; the next query takes them all, and those that `Gathering` still waits
for: the tenth key of a statement costs PostgreSQL a third of what a statement for it alone does, and one session
that is always at work has its caches warm, where two that take turns at sleeping have not. So one query is
under way at a time.

A key asked for after a query was sent is never answered by that query, so a caller always reads its own
writes. A query whose callers have all given up is cancelled.
"""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from listings.gathering import Gathering
from listings.shared_work import SharedWork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

# Where the last query had several keys, the next callers take some turns each to come through the transport.
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
        self._gathering = Gathering(
            self._send,
            gathered=lambda: len(self._queued),
            enough=lambda: len(self._queued) >= max_batch,
            in_company=_QUIET_TURNS_IN_COMPANY,
        )

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
        if self._queued and not self._under_way:
            self._gathering.begin()

    def _send(self) -> None:
        while self._queued and not self._under_way:
            batch: dict[K, list[asyncio.Future[V | None]]] = {}
            while self._queued and len(batch) < self._max_batch:
                key, answers = self._queued.popitem()
                waiting = [answer for answer in answers if not answer.done()]
                if waiting:
                    batch[key] = waiting
            if batch:
                self._gathering.sent(len(batch))
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
