"""The NetworkPolicy: the two ports, from the namespaces that the spec names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings_operator import labels
from listings_operator.desired.manifest import Manifest, Owner, metadata

if TYPE_CHECKING:
    from listings_operator.spec import ListingsSpec


def network_policy(spec: ListingsSpec, owner: Owner) -> Manifest | None:
    """Ingress only: where PostgreSQL and Redis are is written in Secrets that this policy could not follow.

    Pods of the resource's own namespace may always connect: the smoke test runs there.
    """
    policy = spec.network_policy
    if not policy.enabled:
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(owner, owner.name, labels.SERVICE, retained=spec.retained),
        "spec": {
            "podSelector": {"matchLabels": labels.pods(owner.name)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [
                        {"podSelector": {}},
                        {"namespaceSelector": {"matchLabels": dict(policy.from_namespaces)}}
                        if policy.from_namespaces
                        else {"namespaceSelector": {}},
                    ],
                    "ports": [{"protocol": "TCP", "port": "grpc"}, {"protocol": "TCP", "port": "http"}],
                }
            ],
        },
    }
