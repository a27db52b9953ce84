"""How many calls may wait at once: shared by both edges, so that neither starves the other.

A call waits when its answer is not at hand: for PostgreSQL, as good as always. Beyond the bound a call is
refused before anything is begun for it, or every caller would wait longer for answers that come too late.
Answers at hand (cached ones, refusals of bad input) cost no more than such a refusal, so they are given.
Health and metrics are never refused.

The bound is a number and adapts to nothing: behind it calls wait for about bound / capacity seconds, which the
settings explain, and an adaptive one would have to guess the capacity from latencies that PostgreSQL makes.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from listings.domain.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from listings.state_metrics import LoadMetrics

# When to come back: soon, and not all at once. A few times, so that an edge can keep its refusals ready.
_COME_BACK_SECONDS: Final = tuple(0.5 + step / 32 for step in range(33))


class Overloaded(Unavailable):
    """This process has as many calls waiting as it may; try again, or another one."""

    reason = "OVERLOADED"


class Load:
    """The calls of one process that wait. Those who serve them count `waiting` up and down themselves."""

    __slots__ = ("_metrics", "most", "waiting")

    def __init__(self, most: int, metrics: LoadMetrics) -> None:
        """`most` calls may wait at once."""
        self.waiting = 0
        self.most = most
        self._metrics = metrics
        metrics.most = most
        metrics.waiting_from(lambda: self.waiting)

    def refuse(self, edge: str, answer: Coroutine[Any, Any, Any]) -> Overloaded:
        """Drop an answer that has not begun; the refusal to give in its place."""
        answer.close()
        self._metrics.shed[edge] += 1
        return Overloaded(retry_after_seconds=random.choice(_COME_BACK_SECONDS))  # noqa: S311 - spread
