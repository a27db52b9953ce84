"""The real Prometheus Operator with one Prometheus, in a cluster: what provisioned monitors and rules are proved on.

Programs are built from pinned Go modules, and each is an image of its own with nothing else in it.
Where nodes pull images, those of the projects are used, in the same versions.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from e2e.cluster.archives import Image
from e2e.cluster.binaries import MONITORING, OPERATOR_MODULE, PROMETHEUS, PROMETHEUS_OPERATOR, module_folder
from e2e.cluster.kubectl import KubectlError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from e2e.cluster.binaries import Binaries
    from e2e.providers.clusters import Cluster

NAMESPACE: Final = "monitoring"

_OPERATOR: Final = f"quay.io/prometheus-operator/prometheus-operator:v{PROMETHEUS_OPERATOR}"
_RELOADER: Final = f"quay.io/prometheus-operator/prometheus-config-reloader:v{PROMETHEUS_OPERATOR}"
_PROMETHEUS: Final = f"quay.io/prometheus/prometheus:v{PROMETHEUS}"
_NOBODY: Final = 65534
_POLL_SECONDS: Final = 0.2
_RBAC: Final = "rbac.authorization.k8s.io"
_Found = TypeVar("_Found")


def images(binaries: Binaries) -> list[Image]:
    """Return the images, built from programs of the same versions under the projects' own names."""
    binaries.build(MONITORING)
    return [
        _image(_OPERATOR, binaries["prometheus-operator"], "/bin/operator"),
        # The operator calls it by this path, whatever the image says.
        _image(_RELOADER, binaries["prometheus-config-reloader"], "/bin/prometheus-config-reloader"),
        _image(_PROMETHEUS, binaries["prometheus"], "/bin/prometheus"),
    ]


def definitions() -> Path:
    """Return the folder of the custom resource definitions that belong to the operator."""
    module = module_folder(OPERATOR_MODULE, PROMETHEUS_OPERATOR, within="monitoring")
    return module / "example" / "prometheus-operator-crd"


@dataclass(frozen=True, slots=True)
class Monitoring:
    """A running Prometheus, asked through the API server: no port is opened for it."""

    cluster: Cluster

    def install(self) -> None:
        """Install definitions, operator and Prometheus, and wait until Prometheus answers."""
        kubectl = self.cluster.kubectl
        folder = str(definitions())
        # Six of them are too large for the annotation of a client-side apply.
        kubectl("apply", "--server-side", "-f", folder)
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", folder)
        kubectl.apply(*_objects())
        kubectl.within(NAMESPACE).wait("condition=Available", "deployment/operator")
        self.wait("Prometheus to answer", lambda: self.get("/api/v1/status/buildinfo"))

    def remove(self) -> None:
        """Remove everything, custom resources first: the operator must still run to let go of them."""
        kubectl = self.cluster.kubectl
        kubectl.within(NAMESPACE).delete("prometheus", "e2e")
        kubectl.delete("namespace", NAMESPACE)
        for name in ("e2e-prometheus-operator", "e2e-prometheus"):
            kubectl.delete("clusterrolebinding", name)
            kubectl.delete("clusterrole", name)
        kubectl("delete", "--ignore-not-found", "-f", str(definitions()))

    def get(self, path: str) -> Any:
        """Return the data of an answer of Prometheus's API."""
        service = f"/api/v1/namespaces/{NAMESPACE}/services/prometheus-operated:web/proxy"
        return json.loads(self.cluster.kubectl("get", "--raw", service + path))["data"]

    def query(self, expression: str) -> list[Any]:
        """Return the current samples of a PromQL expression without spaces."""
        samples: list[Any] = self.get(f"/api/v1/query?query={expression}")["result"]
        return samples

    def targets_up(self, namespace: str) -> list[dict[str, Any]]:
        """Return the targets in a namespace that were scraped last time."""
        targets = self.get("/api/v1/targets?state=active")["activeTargets"]
        return [
            each
            for each in targets
            if each["labels"].get("namespace") == namespace and each["health"] == "up"
        ]

    def rule_groups(self) -> set[str]:
        """Return the names of the loaded groups whose rules all evaluate."""
        groups = self.get("/api/v1/rules")["groups"]
        return {group["name"] for group in groups if all(rule["health"] == "ok" for rule in group["rules"])}

    def hurry(self) -> None:
        """Have the kubelet look at Prometheus's volumes now; by itself it may take a minute."""
        pods = self.cluster.kubectl.within(NAMESPACE)
        pods("annotate", "pod", "prometheus-e2e-0", f"e2e/looked-at={time.time_ns()}", "--overwrite")

    def wait(self, what: str, find: Callable[[], _Found], *, seconds: float = 240.0) -> _Found:
        """Wait until something is found."""
        deadline = time.monotonic() + seconds
        while True:
            trouble = ""
            try:
                if found := find():
                    return found
            except KubectlError as error:  # its Service has no endpoint yet
                trouble = str(error)
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:.0f} s in vain for {what}: {trouble}")
            time.sleep(_POLL_SECONDS)


def _image(reference: str, program: Path, path: str) -> Image:
    return Image(reference, files={path: program}, entrypoint=(path,), user=f"{_NOBODY}:{_NOBODY}")


def _objects() -> list[dict[str, Any]]:
    pods = {"runAsNonRoot": True, "runAsUser": _NOBODY, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {
        "name": "operator",
        "image": _OPERATOR,
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--prometheus-config-reloader={_RELOADER}"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "50m"}},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    labels = {"app": "prometheus-operator"}
    prometheus = {
        "image": _PROMETHEUS,
        "version": f"v{PROMETHEUS}",  # flags follow it, not the image
        "imagePullPolicy": "IfNotPresent",
        "replicas": 1,
        "resources": {"requests": {"cpu": "100m"}},
        "serviceAccountName": "prometheus",
        "serviceDiscoveryRole": "EndpointSlice",
        "scrapeInterval": "2s",
        "evaluationInterval": "2s",
        "retention": "2h",
        # Empty means all; a selector left out selects nothing.
        "serviceMonitorSelector": {},
        "serviceMonitorNamespaceSelector": {},
        "ruleSelector": {},
        "ruleNamespaceSelector": {},
        "securityContext": {**pods, "runAsGroup": _NOBODY, "fsGroup": _NOBODY},
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        *_account("operator", "e2e-prometheus-operator", _OPERATOR_RULES),
        *_account("prometheus", "e2e-prometheus", _PROMETHEUS_RULES),
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "operator", "namespace": NAMESPACE},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "serviceAccountName": "operator",
                        "securityContext": pods,
                        "containers": [container],
                    },
                },
            },
        },
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "Prometheus",
            "metadata": {"name": "e2e", "namespace": NAMESPACE},
            "spec": prometheus,
        },
    ]


def _account(name: str, role: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}},
        {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": rules},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
        },
    ]


def _rule(groups: str, resources: str, verbs: str) -> dict[str, Any]:
    return {
        "apiGroups": [group.strip('"') for group in groups.split()],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }


_CORE: Final = '""'
_OPERATOR_RULES: Final = [  # what its documentation asks for
    _rule("monitoring.coreos.com", "*", "*"),
    _rule("apps", "statefulsets", "*"),
    _rule(_CORE, "configmaps secrets", "*"),
    _rule(_CORE, "pods", "list delete"),
    _rule(_CORE, "services services/finalizers endpoints", "get create update delete"),
    _rule(_CORE, "nodes", "list watch"),
    _rule(_CORE, "namespaces", "get list watch"),
    _rule(f"{_CORE} events.k8s.io", "events", "create patch"),
    _rule("networking.k8s.io", "ingresses", "get list watch"),
    _rule("storage.k8s.io", "storageclasses", "get"),
]
_PROMETHEUS_RULES: Final = [
    _rule(_CORE, "services endpoints pods", "get list watch"),
    _rule("discovery.k8s.io", "endpointslices", "get list watch"),
]
