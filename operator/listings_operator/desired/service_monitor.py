"""The ServiceMonitor: how a Prometheus of the Prometheus Operator finds the pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings_operator import labels, names
from listings_operator.desired.manifest import Manifest, Owner, metadata
from listings_operator.desired.service import BALANCED

if TYPE_CHECKING:
    from listings_operator.spec import ListingsSpec


def service_monitor(spec: ListingsSpec, owner: Owner) -> Manifest | None:
    """Scrapes each pod once, under job="listings" as the files of `alerts/` and `dashboards/` expect it."""
    monitor = spec.observability.service_monitor
    if not monitor.enabled:
        return None
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata(
            owner, owner.name, labels.OBSERVABILITY, retained=spec.retained, extra_labels=monitor.labels
        ),
        "spec": {
            "jobLabel": "app.kubernetes.io/name",
            "selector": {
                "matchLabels": {**labels.pods(owner.name), names.SERVICE_LABEL: BALANCED},
            },
            "namespaceSelector": {"matchNames": [owner.namespace]},
            "endpoints": [
                {"port": "http", "path": "/metrics", "interval": monitor.interval, **_tls(spec, owner)}
            ],
        },
    }


def _tls(spec: ListingsSpec, owner: Owner) -> Manifest:
    """Pods are scraped by their addresses, and their certificate names the Service."""
    if spec.tls is None or not spec.tls.http:
        return {}
    secret = spec.tls.secret_ref
    return {
        "scheme": "https",
        "tlsConfig": {
            "ca": {"secret": {"name": secret.name, "key": secret.ca}},
            "serverName": f"{owner.name}.{owner.namespace}.svc",
        },
    }
