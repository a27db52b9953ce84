"""Requests that arrive together are carried out together.

While a batch runs, further requests queue; when it ends, the next one takes them all, in the order they
arrived, once `Gathering` finds that no more are coming or that the batch is heavy enough. Heavy enough is where
a larger batch would save nothing more per request: what arrives beyond that is better read and answered while
the database works than waited for. Knows nothing of what a batch does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from listings.domain.errors import Aborted, DeadlineExceeded, Unavailable
from listings.gathering import QUIET_TURNS, Gathering
from listings.shared_work import SharedWork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

R = TypeVar("R")
A = TypeVar("A")

# These say nothing about any one request of the batch, and after the first two its fate is unknown:
# carrying its requests out again could do them twice.
_EVERYBODY = (Unavailable, DeadlineExceeded, Aborted)


class Batches(Generic[R, A]):
    """Merges concurrent `do(request)` calls into calls of `carry_out(requests)`.

    After a batch of several, the next one waits for `quiet_in_company` quiet turns: its callers come through the
    transport one in several turns. A lone caller never waits for company.

    `carry_out` answers in the order asked, or raises with nothing done; then the requests are carried
    out one by one, so that a poisoned one fails alone.
    """

    def __init__(
        self,
        carry_out: Callable[[Sequence[R]], Awaitable[Sequence[A]]],
        *,
        weigh: Callable[[R], int] = lambda _: 1,
        enough: int = 1000,
        in_flight: int = 1,
        quiet_in_company: int = QUIET_TURNS,
    ) -> None:
        self._carry_out = carry_out
        self._weigh = weigh
        self._enough = enough
        self._weight = 0  # of all that is queued
        self._in_flight = in_flight
        self._under_way = SharedWork(self._schedule)
        self._queued: deque[tuple[R, asyncio.Future[A], int]] = deque()
        self._gathering = Gathering(
            self._send,
            gathered=lambda: len(self._queued),
            enough=lambda: self._weight >= enough,
            in_company=quiet_in_company,
        )

    async def do(self, request: R) -> A:
        """Carry a request out, together with those that arrive while an earlier batch runs.

        A caller that gives up before its batch is sent takes its request along; after that the request is
        carried out with the others all the same. A batch whose callers have all given up is cancelled: it
        ends with nothing done, unless it was at its commit.
        """
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        weight = self._weigh(request)
        self._queued.append((request, answer, weight))
        self._weight += weight
        self._schedule()
        try:
            return await answer
        except asyncio.CancelledError:
            self._under_way.caller_left()
            raise

    def _schedule(self) -> None:
        if self._queued and len(self._under_way) < self._in_flight:
            self._gathering.begin()

    def _send(self) -> None:
        while len(self._under_way) < self._in_flight:
            batch = self._next_batch()
            if not batch:
                return
            self._gathering.sent(len(batch))
            self._under_way.start(self._run(batch), [answer for _, answer in batch])

    def _next_batch(self) -> list[tuple[R, asyncio.Future[A]]]:
        """What is queued, up to the weight that is enough; a heavier request goes alone."""
        batch: list[tuple[R, asyncio.Future[A]]] = []
        room = self._enough
        while self._queued:
            request, answer, weight = self._queued[0]
            given_up = answer.done()
            if batch and weight > room and not given_up:
                break
            self._queued.popleft()
            self._weight -= weight
            if not given_up:
                batch.append((request, answer))
                room -= weight
        return batch

    async def _run(self, batch: list[tuple[R, asyncio.Future[A]]]) -> None:
        try:
            try:
                answers = await self._carry_out([request for request, _ in batch])
            except Exception as error:
                if len(batch) == 1 or isinstance(error, _EVERYBODY):
                    raise
                await self._one_by_one(batch)
            else:
                for (_, answer), result in zip(batch, answers, strict=True):
                    if not answer.done():
                        answer.set_result(result)
        except BaseException as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise

    async def _one_by_one(self, batch: list[tuple[R, asyncio.Future[A]]]) -> None:
        for request, answer in batch:
            try:
                results = await self._carry_out([request])
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this request alone
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(results[0])
