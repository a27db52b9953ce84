"""The Deployment that serves: probes, draining, spread. Never the number of pods, see `scale`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings_operator import labels, names
from listings_operator.desired.manifest import Manifest, Owner, metadata
from listings_operator.desired.pod import container, mount_tls, pod_spec

if TYPE_CHECKING:
    from listings_operator.spec import ListingsSpec

_ZONE: Final = "topology.kubernetes.io/zone"
_NODE: Final = "kubernetes.io/hostname"


def pod_template(spec: ListingsSpec, owner: Owner, config: str) -> Manifest:
    """The template without the annotations that name it: what the revision is a hash of."""
    main = container(
        spec,
        "listings",
        ("listings", "serve"),
        config=config,
        resources={
            "requests": spec.pod.resources.requests.as_written(),
            "limits": spec.pod.resources.limits.as_written(),
        },
    )
    main["ports"] = [
        {"name": "grpc", "containerPort": spec.grpc.port, "protocol": "TCP"},
        {"name": "http", "containerPort": spec.http.port, "protocol": "TCP"},
    ]
    # The kubelet verifies no certificate.
    scheme = "HTTPS" if spec.tls is not None and spec.tls.http else "HTTP"
    # A first start waits for the database and warms its sessions: two minutes before the kubelet starts it again.
    main["startupProbe"] = _probe("/health/startup", scheme, period=2, timeout=5, failures=60)
    # The service looks at the database within 5 s itself; two bad answers in a row take the pod out.
    main["readinessProbe"] = _probe("/health/ready", scheme, period=5, timeout=6, failures=2)
    # Depends on nothing but the process, so an outage elsewhere restarts nobody.
    main["livenessProbe"] = _probe("/health/live", scheme, period=10, timeout=5, failures=3)
    main["lifecycle"] = {"preStop": {"sleep": {"seconds": spec.grpc.pre_stop_seconds}}}

    pod = pod_spec(spec, owner, main)
    mount_tls(spec, pod, "tls.crt", "tls.key")
    pod["terminationGracePeriodSeconds"] = spec.pod.termination_grace_period_seconds
    if spec.topology_spread.enabled:
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": spec.topology_spread.when_unsatisfiable,
                "labelSelector": {"matchLabels": labels.pods(owner.name)},
                # Else pods of the old version count, and the new ones end up uneven.
                "matchLabelKeys": ["pod-template-hash"],
            }
            for key in (_NODE, _ZONE)
        ]
    return {
        "metadata": {
            "labels": {
                **spec.pod.labels,
                **labels.common(owner.name, labels.SERVICE),
                labels.VERSION: spec.version,
            },
            "annotations": dict(spec.pod.annotations),
        },
        "spec": pod,
    }


def deployment(spec: ListingsSpec, owner: Owner, template: Manifest, revision: str, secrets: str) -> Manifest:
    """The Deployment of one revision; other content of the Secrets is another template, so it rolls the pods."""
    marks = {names.REVISION_ANNOTATION: revision, names.SECRETS_ANNOTATION: secrets}
    pod_metadata = template["metadata"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(
            owner,
            owner.name,
            labels.SERVICE,
            retained=spec.retained,
            annotations={names.REVISION_ANNOTATION: revision},
        ),
        "spec": {
            "selector": {"matchLabels": labels.pods(owner.name)},
            "revisionHistoryLimit": spec.rollout.revision_history_limit,
            "progressDeadlineSeconds": spec.rollout.progress_deadline_seconds,
            # A pod goes only after its successor is ready: no moment has less capacity than before.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "template": {
                **template,
                "metadata": {**pod_metadata, "annotations": {**pod_metadata["annotations"], **marks}},
            },
        },
    }


def scale(spec: ListingsSpec, owner: Owner) -> Manifest | None:
    """The number of pods, applied by a field manager of its own; None when an autoscaler decides it."""
    if spec.fixed_replicas is None:
        return None
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": owner.name, "namespace": owner.namespace},
        "spec": {"replicas": spec.fixed_replicas},
    }


def _probe(path: str, scheme: str, *, period: int, timeout: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": scheme},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "successThreshold": 1,
        "failureThreshold": failures,
    }
