"""Work that several callers wait for: it goes on for as long as one of them does, and ends with the last.

One statement answers many calls. It must not end because one of them was cancelled or ran out of time; nor may
it keep a session and hold locks when all of them did.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence


class SharedWork:
    """The tasks under way of one kind, each with those who wait for it."""

    def __init__(self, ended: Callable[[], None]) -> None:
        """`ended` is called after each task, however it ended."""
        self._ended = ended
        self._under_way: dict[asyncio.Task[None], Sequence[asyncio.Future[Any]]] = {}

    def __len__(self) -> int:
        """How many tasks are under way."""
        return len(self._under_way)

    def start(self, work: Coroutine[Any, Any, None], answers: Sequence[asyncio.Future[Any]]) -> None:
        """Begin work that will answer `answers`; no further ones can join it."""
        task = asyncio.get_running_loop().create_task(work)
        self._under_way[task] = answers
        # Not at the end of `work`: a task that is cancelled before its first step has none.
        task.add_done_callback(self._forget)

    def caller_left(self) -> None:
        """A caller was cancelled: end what nobody waits for any more."""
        for task, answers in self._under_way.items():
            if all(answer.done() for answer in answers):
                task.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._ended()
