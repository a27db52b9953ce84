"""What a decision consists of: things to do, things to tell, things to remember.

Made by `decide.py`, carried out in order by `reconcile.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from listings_operator.conditions import Condition
    from listings_operator.desired.manifest import Concern, Manifest
    from listings_operator.ledger import Ledger
    from listings_operator.vocabulary import Phase, Reason


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply with force; harmless when nothing differs."""

    concern: Concern
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Create:
    """Create; that it exists already is success, because its name says everything about it."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete in the background; that it is gone already is success. Never an unfinished Job."""

    api_version: str
    kind: str
    name: str


Action: TypeAlias = Apply | Create | Delete


@dataclass(frozen=True, slots=True)
class Event:
    """One Kubernetes event, sent when it happens and not again."""

    kind: Literal["Normal", "Warning"]
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A decision. `ledger` must be written to status before any action that creates a Job."""

    phase: Phase
    reason: Reason
    message: str
    """What is being waited for, for people."""
    actions: tuple[Action, ...]
    conditions: tuple[Condition, ...]
    events: tuple[Event, ...]
    ledger: Ledger
    requeue_after: float
    """Seconds until the next look even if no event asks for one."""
