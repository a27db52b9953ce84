"""The two Services: one address for everybody, and one that shows every pod to clients that balance themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings_operator import labels, names
from listings_operator.desired.manifest import Manifest, Owner, metadata

if TYPE_CHECKING:
    from listings_operator.spec import ListingsSpec

BALANCED = "balanced"
HEADLESS = "headless"


def services(spec: ListingsSpec, owner: Owner) -> tuple[Manifest, Manifest]:
    """The ClusterIP Service under the resource's name, and the headless one."""
    return (
        _service(spec, owner, owner.name, BALANCED, {"type": "ClusterIP"}),
        _service(
            spec, owner, names.headless(owner.name), HEADLESS, {"type": "ClusterIP", "clusterIP": "None"}
        ),
    )


def _service(spec: ListingsSpec, owner: Owner, name: str, role: str, kind: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(
            owner,
            name,
            labels.SERVICE,
            retained=spec.retained,
            extra_labels={names.SERVICE_LABEL: role},
        ),
        "spec": {
            **kind,
            "selector": labels.pods(owner.name),
            # Ports of pods are named, so that pods of two revisions with different numbers are both reached.
            "ports": [
                {
                    "name": "grpc",
                    "port": spec.grpc.port,
                    "targetPort": "grpc",
                    "protocol": "TCP",
                    "appProtocol": "kubernetes.io/h2c" if spec.tls is None else "https",
                },
                {
                    "name": "http",
                    "port": spec.http.port,
                    "targetPort": "http",
                    "protocol": "TCP",
                    "appProtocol": "https" if spec.tls is not None and spec.tls.http else "http",
                },
            ],
        },
    }
