"""Conditions as Kubernetes tools read them: Ready, Progressing and Stalled of kstatus, and our own beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from listings_operator.ledger import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from listings_operator.vocabulary import ConditionType, Reason

# The API's own limit of a condition's message is 32768; this much a person reads.
LONGEST_MESSAGE: Final = 1024

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition before times are put to it."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str


def conditions_status(
    conditions: Iterable[Condition],
    previous: Sequence[Mapping[str, Any]],
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """Conditions as status holds them: the time of a transition changes only when the status word does."""
    before = {condition["type"]: condition for condition in previous}
    documents = []
    for condition in conditions:
        old = before.get(condition.type.value, {})
        same = old.get("status") == condition.status and "lastTransitionTime" in old
        documents.append(
            {
                "type": condition.type.value,
                "status": condition.status,
                "reason": condition.reason,
                "message": shortened(condition.message),
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if same else moment(now),
            }
        )
    return documents


def shortened(text: str, limit: int = LONGEST_MESSAGE) -> str:
    """A text cut to what fits, visibly."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
