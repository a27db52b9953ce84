"""The HorizontalPodAutoscaler, when the spec asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings_operator import labels
from listings_operator.desired.manifest import Manifest, Owner, metadata

if TYPE_CHECKING:
    from listings_operator.spec import ListingsSpec


def autoscaler(spec: ListingsSpec, owner: Owner) -> Manifest | None:
    """Scaling by CPU; the behaviour is Kubernetes' own, which waits five minutes before it takes pods away."""
    if spec.autoscaling is None:
        return None
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(owner, owner.name, labels.SERVICE, retained=spec.retained),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner.name},
            "minReplicas": spec.autoscaling.min_replicas,
            "maxReplicas": spec.autoscaling.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {
                            "type": "Utilization",
                            "averageUtilization": spec.autoscaling.target_cpu_percent,
                        },
                    },
                }
            ],
        },
    }
