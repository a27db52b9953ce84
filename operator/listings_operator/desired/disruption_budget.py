"""The PodDisruptionBudget: how many pods node maintenance may take at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings_operator import labels
from listings_operator.desired.manifest import Manifest, Owner, metadata

if TYPE_CHECKING:
    from listings_operator.spec import ListingsSpec


def disruption_budget(spec: ListingsSpec, owner: Owner) -> Manifest | None:
    """A bound on unavailable pods rather than on available ones: it stays right when the number of pods changes."""
    if not spec.pod_disruption_budget.enabled:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(owner, owner.name, labels.SERVICE, retained=spec.retained),
        "spec": {
            "maxUnavailable": spec.pod_disruption_budget.max_unavailable,
            "selector": {"matchLabels": labels.pods(owner.name)},
            # A pod that is not ready protects nobody and must not block a drain.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
