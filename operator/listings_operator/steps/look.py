"""What every step gets and gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from listings_operator.actions import Create
    from listings_operator.desired import DesiredState
    from listings_operator.ledger import Ledger
    from listings_operator.observed import Observed
    from listings_operator.vocabulary import Phase, Reason

# Watches tell us of every change; this finds what they lost. With jitter, added where the queue is.
RESYNC_SECONDS: Final = 60.0
# Look again at once: the ledger has changed and must be written before the next step acts on it.
AT_ONCE: Final = 0.0


class Runs(Enum):
    """Which pods should be running while a verdict stands."""

    TARGET = "what the spec says"
    STABLE = "the last good revision"
    UNCHANGED = "whatever runs now"


@dataclass(frozen=True, slots=True)
class Desired:
    """What should be, and what to return to."""

    target: DesiredState
    stable: DesiredState | None = None
    """Rendered from the snapshot of the ledger's stable revision; None without one, or when it is unreadable."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look, with the ledger as the steps so far have left it."""

    desired: Desired
    observed: Observed
    ledger: Ledger
    now: datetime

    def noting(self, ledger: Ledger) -> Look:
        """Go on with another ledger."""
        return replace(self, ledger=ledger)

    @property
    def holding(self) -> Runs:
        """What runs while the target may not: the last good revision, where the live schema serves it."""
        stable, served = self.ledger.stable, self.ledger.served
        if stable is None or self.desired.stable is None or served is None or not served.holds(stable.schema):
            return Runs.UNCHANGED
        return Runs.STABLE


@dataclass(frozen=True, slots=True)
class Verdict:
    """Stop here for now."""

    phase: Phase
    reason: Reason
    message: str
    ledger: Ledger
    runs: Runs
    progressing: bool = True
    stalled: bool = False
    jobs: tuple[Create, ...] = ()
    requeue_after: float = RESYNC_SECONDS


Outcome: TypeAlias = Look | Verdict
