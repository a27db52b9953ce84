"""Whether the watches still tell us what happens: a process whose watch has died looks healthy and does nothing.

Every change that we make ourselves must come back as an event of its kind. One that has not after a while means that
the watch is dead, and the liveness probe has the process started again. Quiet kinds are not suspected: nobody is
waiting for anything then, and the periodic look corrects what was missed.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Watchdog:
    """Remembers, by kind, the oldest own change that no event has followed."""

    def __init__(self, silence_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._silence_seconds = silence_seconds
        self._clock = clock
        self._unanswered: dict[str, float] = {}
        self._heard: Counter[str] = Counter()
        self._watched: set[str] = set()

    def watch(self, kind: str) -> None:
        """There is a watch for this kind."""
        self._watched.add(kind)

    def heard_so_far(self, kind: str) -> int:
        """How many events of this kind have come. Asked before a change, for `changed`."""
        return self._heard[kind]

    def changed(self, kind: str, before: int) -> None:
        """We changed an object; its event must follow, unless one has come since `before`.

        A watch is a connection of its own: an event may overtake the answer to the request that caused it, and in a
        quiet namespace no other would come for hours.
        """
        if kind in self._watched and self._heard[kind] == before:
            self._unanswered.setdefault(kind, self._clock())

    def heard(self, kind: str) -> None:
        """An event came."""
        self._heard[kind] += 1
        self._unanswered.pop(kind, None)

    @property
    def silence(self) -> float:
        """Seconds since the oldest own change that no event has followed."""
        return self._clock() - min(self._unanswered.values(), default=self._clock())

    @property
    def dead(self) -> tuple[str, ...]:
        """Kinds whose watch must be dead."""
        latest = self._clock() - self._silence_seconds
        return tuple(sorted(kind for kind, since in self._unanswered.items() if since < latest))
