"""The operator against a real API server. Nothing else runs there: tests play the controllers and the kubelet.

shop        a namespace with the Secret and one ListingsDeployment, and the parts that tests play
stepping    an operator that looks when told to; `operator_with(assets)` makes further ones
"""

from __future__ import annotations

import base64
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from e2e.cluster.kubectl import KubectlError

from listings_operator.assets import Assets, DashboardFile, RuleFile
from listings_operator.cluster import open_cluster
from listings_operator.metrics import Metrics
from listings_operator.queue import Key
from listings_operator.reconcile import Reconciler
from listings_operator.settings import Settings
from listings_operator.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from e2e.cluster.api_server import ApiServer
    from e2e.cluster.kubectl import Kubectl

ROOT = Path(__file__).parents[3]
CRD = ROOT / "charts" / "listings-operator" / "templates" / "crd-listingsdeployments.yaml"

ASSETS = Assets(
    rules=(
        RuleFile(
            "service",
            ({"name": "service", "rules": [{"alert": "ServiceDown", "expr": 'up{job="listings"} == 0'}]},),
        ),
    ),
    dashboards=(DashboardFile("service-health", '{"title": "Service health"}'),),
)

MONITORING_KINDS = (("PrometheusRule", "prometheusrules"), ("ServiceMonitor", "servicemonitors"))

# What a migrated database and the commands of the service answer.
PLAN_PENDING = {
    "ok": True,
    "version": 20,
    "target": 22,
    "pending": ["000021_a", "000022_b"],
    "pendingCount": 2,
}
MIGRATED = {"ok": True, "version": 22, "target": 22, "pending": [], "pendingCount": 0}
FINE = {"ok": True}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="session")
def crd(api_server: ApiServer) -> ApiServer:
    """The API server with our kind, and with the outlines of the Prometheus Operator's."""
    api_server.kubectl.apply(crd_document(), *(monitoring_kind(*names) for names in MONITORING_KINDS))
    api_server.kubectl.wait("condition=Established", "crd", "--all")
    return api_server


def crd_document() -> dict[str, Any]:
    """The CRD of the chart, without the chart's own lines."""
    lines = [line for line in CRD.read_text().splitlines() if "{{" not in line]
    document: dict[str, Any] = yaml.safe_load("\n".join(lines))
    return document


def monitoring_kind(kind: str, plural: str) -> dict[str, Any]:
    """As much of a kind as the operator touches. A group of rules called `refused` is."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    group = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "rules": {"type": "array", "items": anything}},
        "x-kubernetes-validations": [{"rule": "self.name != 'refused'", "message": "this one is refused"}],
    }
    spec = {**anything, "properties": {"groups": {"type": "array", "maxItems": 10, "items": group}}}
    schema = {"type": "object", "properties": {"spec": spec}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


@dataclass(slots=True)
class Shop:
    """One resource in a namespace of its own, and everybody but the operator."""

    namespace: str
    kubectl: Kubectl
    kubeconfig: Path
    name: str = "shop"
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def spec(self, **changes: Any) -> dict[str, Any]:
        return {
            "image": {"repository": "listings"},
            "version": "1.0.0",
            "database": {"secretRef": {"name": "database"}},
            **changes,
        }

    def apply(self, **changes: Any) -> None:
        self.kubectl.apply(
            {
                "apiVersion": "listings.marketplace/v1alpha1",
                "kind": "ListingsDeployment",
                "metadata": {"name": self.name},
                "spec": self.spec(**changes),
            }
        )

    def secret(
        self, url: str = "postgresql://listings:secret@database/listings", name: str = "database"
    ) -> None:
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name},
                "data": {"url": base64.b64encode(url.encode()).decode()},
            }
        )

    @property
    def resource(self) -> dict[str, Any]:
        document: dict[str, Any] = self.kubectl.get("listingsdeployment", self.name)
        return document

    @property
    def status(self) -> dict[str, Any]:
        return self.resource.get("status", {})

    def condition(self, kind: str) -> dict[str, Any]:
        return next(each for each in self.status["conditions"] if each["type"] == kind)

    @property
    def events(self) -> list[str]:
        """Reasons in the order of time."""
        found = sorted(self.kubectl.get("events.events.k8s.io"), key=lambda event: event["eventTime"])
        return [event["reason"] for event in found]

    def get(self, kind: str, name: str | None = None) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = self.kubectl.get(kind, name or self.name)
        except KubectlError as error:
            if "NotFound" in str(error):
                return None
            raise
        return document

    def jobs(self, task: str = "") -> list[dict[str, Any]]:
        found = sorted(
            self.kubectl.get("job"),
            key=lambda job: int(job["metadata"]["annotations"]["listings.marketplace/attempt"]),
        )
        return [job for job in found if task in ("", job["metadata"]["labels"]["listings.marketplace/task"])]

    def finish(self, job: dict[str, Any], report: dict[str, Any] | None, *, failed: bool = False) -> None:
        """Play the kubelet and the Job controller: a pod that ended with this report, and the Job's verdict."""
        ended = {
            "exitCode": int(failed),
            "reason": "Error" if failed else "Completed",
            "message": json.dumps(report) if report is not None else "Killed",
            "startedAt": now(),
            "finishedAt": now(),
            "containerID": "x://1",
        }
        self._pod(job, "Failed" if failed else "Succeeded", {"terminated": ended})
        self._end(job, failed=failed)

    def cannot_start(self, job: dict[str, Any], reason: str, message: str) -> None:
        """Play the kubelet: the pod of a Job waits for something that waiting does not bring."""
        self._pod(job, "Pending", {"waiting": {"reason": reason, "message": message}})

    def allow_jobs(self, number: int) -> None:
        """Play the quota controller: so many Jobs may be in this namespace."""
        hard = {"count/jobs.batch": str(number)}
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "jobs"},
                "spec": {"hard": hard},
            }
        )
        self.patch_status("resourcequota", "jobs", {"hard": hard, "used": {"count/jobs.batch": "0"}})
        deadline = time.monotonic() + 30
        while self._may_create_a_job() is not (number > 0):
            assert time.monotonic() < deadline, "the API server does not see the quota"

    def _may_create_a_job(self) -> bool:
        try:
            self.kubectl("create", "job", "probe", "--image=none", "--dry-run=server")
        except KubectlError:
            return False
        return True

    def _pod(self, job: dict[str, Any], phase: str, state: dict[str, Any]) -> None:
        name = job["metadata"]["name"]
        template = job["spec"]["template"]
        pod = f"{name[:57]}-pod"
        self.kubectl.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": pod,
                    "labels": template["metadata"]["labels"],
                    "ownerReferences": [
                        {
                            "apiVersion": "batch/v1",
                            "kind": "Job",
                            "name": name,
                            "uid": job["metadata"]["uid"],
                            "controller": True,
                        }
                    ],
                },
                "spec": template["spec"],
            }
        )
        container = template["spec"]["containers"][0]
        self.patch_status(
            "pod",
            pod,
            {
                "phase": phase,
                "containerStatuses": [
                    {
                        "name": container["name"],
                        "image": container["image"],
                        "imageID": "x",
                        "ready": False,
                        "restartCount": 0,
                        "state": state,
                    }
                ],
            },
        )

    def _end(self, job: dict[str, Any], *, failed: bool) -> None:
        verdict = (
            [("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]
            if failed
            else [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")]
        )
        status: dict[str, Any] = {
            "startTime": now(),
            "uncountedTerminatedPods": {},
            "failed" if failed else "succeeded": 1,
            "conditions": [
                {
                    "type": kind,
                    "status": "True",
                    "reason": reason,
                    "message": "",
                    "lastTransitionTime": now(),
                    "lastProbeTime": now(),
                }
                for kind, reason in verdict
            ],
        }
        if not failed:
            status["completionTime"] = now()
        self.patch_status("job", job["metadata"]["name"], status)

    def become_available(self) -> None:
        """Play the Deployment controller: every pod runs the latest template."""
        deployment = self.get("deployment")
        assert deployment is not None
        wanted = deployment["spec"]["replicas"]
        self.patch_status(
            "deployment",
            self.name,
            {
                "observedGeneration": deployment["metadata"]["generation"],
                "replicas": wanted,
                "updatedReplicas": wanted,
                "readyReplicas": wanted,
                "availableReplicas": wanted,
            },
        )

    def miss_the_deadline(self) -> None:
        """Play the Deployment controller: the new pods never became ready."""
        deployment = self.get("deployment")
        assert deployment is not None
        self.patch_status(
            "deployment",
            self.name,
            {
                "observedGeneration": deployment["metadata"]["generation"],
                "replicas": 3,
                "updatedReplicas": 1,
                "readyReplicas": 2,
                "availableReplicas": 2,
                "unavailableReplicas": 1,
                "conditions": [
                    {
                        "type": "Progressing",
                        "status": "False",
                        "reason": "ProgressDeadlineExceeded",
                        "message": "no progress",
                        "lastTransitionTime": now(),
                        "lastUpdateTime": now(),
                    }
                ],
            },
        )

    def patch_status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        self.kubectl(
            "patch", kind, name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status})
        )


@pytest.fixture
def shop(crd: ApiServer, api_namespace: str) -> Shop:
    found = Shop(api_namespace, crd.kubectl.within(api_namespace), crd.kubeconfig)
    found.secret()
    found.apply()
    return found


@dataclass(slots=True)
class Stepping:
    """An operator that looks only when told to: tests see every single step."""

    shop: Shop
    reconciler: Reconciler
    metrics: Metrics
    watchdog: Watchdog

    async def look(self) -> float | None:
        return await self.reconciler.look(Key(self.shop.namespace, self.shop.name))

    async def settle(self, *, most: int = 12) -> None:
        """Look until a look asks for patience."""
        for _ in range(most):
            again = await self.look()
            if again is None or again > 1:
                return
        raise AssertionError(f"no rest after {most} looks: {self.shop.status}")

    async def until_jobs(self, task: str, count: int = 1) -> dict[str, Any]:
        """Look until there are so many Jobs of a task; the last of them."""
        await self.settle()
        found = self.shop.jobs(task)
        assert len(found) == count, (self.shop.status, [job["metadata"]["name"] for job in self.shop.jobs()])
        return found[-1]

    async def install(self) -> None:
        """From nothing to Ready, with everything going well."""
        self.shop.finish(await self.until_jobs("plan"), PLAN_PENDING)
        self.shop.finish(await self.until_jobs("migrate"), MIGRATED)
        await self.settle()
        self.shop.become_available()
        self.shop.finish(await self.until_jobs("smoke"), FINE)
        await self.settle()
        assert self.shop.status["phase"] == "Ready", self.shop.status


@pytest.fixture
async def stepping(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stepping]:
    async with stepping_operator(shop, monkeypatch) as found:
        yield found


@pytest.fixture
def operator_with(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[[Assets], Any]:
    """`async with operator_with(assets) as stepping`: an operator that ships other files."""
    return lambda assets: stepping_operator(shop, monkeypatch, assets)


@asynccontextmanager
async def stepping_operator(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, assets: Assets = ASSETS
) -> AsyncIterator[Stepping]:
    """Another operator's life: with nothing remembered."""
    monkeypatch.setenv("KUBECONFIG", str(shop.kubeconfig))
    metrics = Metrics()
    watchdog = Watchdog(150)
    async with open_cluster(metrics.api, connections=32) as cluster:
        settings = Settings(identity="test")
        yield Stepping(
            shop, Reconciler(cluster, assets, settings, metrics.reconcile, watchdog), metrics, watchdog
        )
