"""The status document of a ListingsDeployment: what is, what is waited for, and the ledger for the next look.

Written as a whole by one field manager, so that what is no longer true disappears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listings_operator import labels
from listings_operator.actions import Apply
from listings_operator.conditions import conditions_status, shortened
from listings_operator.ledger import ledger_status
from listings_operator.vocabulary import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from listings_operator.actions import Action, Plan
    from listings_operator.observed import Observed

# About thirty objects are usual; whoever ships a hundred dashboards reads their number.
OBJECTS_SHOWN: Final = 60


def status_document(
    name: str, plan: Plan, observed: Observed, previous: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """What to write. Equal to what stands there when nothing has changed, so that nothing need be written then."""
    workload = observed.workload
    document: dict[str, Any] = {
        "observedGeneration": observed.generation,
        "phase": plan.phase.value,
        "message": shortened(plan.message),
        "conditions": conditions_status(
            plan.conditions, previous.get("conditions", ()), observed.generation, now
        ),
        "replicas": workload.replicas if workload else 0,
        "availableReplicas": workload.available if workload else 0,
        "pods": f"{workload.available}/{workload.wanted}" if workload else "0/0",
        "selector": ",".join(f"{key}={value}" for key, value in labels.pods(name).items()),
        **ledger_status(plan.ledger),
    }
    stable = plan.ledger.stable
    if stable is not None:
        document["version"] = stable.version
    if plan.phase in (Phase.SUSPENDED, Phase.DELETING):
        kept = {key: previous[key] for key in ("managedObjects", "managedObjectsCount") if key in previous}
        return document | kept
    objects = managed_objects(plan.actions)
    return document | {"managedObjects": objects[:OBJECTS_SHOWN], "managedObjectsCount": len(objects)}


def managed_objects(actions: Iterable[Action]) -> list[dict[str, str]]:
    """Every object that is kept as it should be, once, in a stable order."""
    found = {
        (str(action.manifest["kind"]), str(action.manifest["metadata"]["name"]))
        for action in actions
        if isinstance(action, Apply)
    }
    return [{"kind": kind, "name": name} for kind, name in sorted(found)]
