"""Whatever somebody edits or deletes of what the operator made is as it was within two seconds."""

from __future__ import annotations

import os
import time

import pytest
from e2e.figures import percentile
from e2e.images.variants import FIRST

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
REPETITIONS = 20 if PROVE else 2
LONGEST_SECONDS = 2.0
SHARE = 99 if PROVE else 50
"""So many of a hundred are put right within them. Of few the slowest tells what else the machine had to do."""

pytestmark = pytest.mark.timeout(1800)

# Kind -> collection, and an edit that a person might make. Content that the API server itself keeps from being
# edited (immutable ConfigMaps and revisions) is deleted only.
KINDS = {
    "Deployment": ("apis/apps/v1", "deployments", {"spec": {"revisionHistoryLimit": 99}}),
    "Service": ("api/v1", "services", {"spec": {"selector": {"app.kubernetes.io/component": "other"}}}),
    "ServiceAccount": (
        "api/v1",
        "serviceaccounts",
        {"metadata": {"labels": {"app.kubernetes.io/part-of": "x"}}},
    ),
    "ConfigMap": ("api/v1", "configmaps", None),
    "HorizontalPodAutoscaler": (
        "apis/autoscaling/v2",
        "horizontalpodautoscalers",
        {"spec": {"maxReplicas": 99}},
    ),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets", {"spec": {"maxUnavailable": 99}}),
    "NetworkPolicy": ("apis/networking.k8s.io/v1", "networkpolicies", {"spec": {"policyTypes": ["Egress"]}}),
    "ServiceMonitor": (
        "apis/monitoring.coreos.com/v1",
        "servicemonitors",
        {"spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": "other"}}}},
    ),
    "PrometheusRule": ("apis/monitoring.coreos.com/v1", "prometheusrules", {"spec": {"groups": []}}),
    "ControllerRevision": ("apis/apps/v1", "controllerrevisions", None),
}
COMPARED = ("spec", "data", "automountServiceAccountToken")


async def test_every_kind_is_put_right_after_an_edit_and_a_deletion(release, monitoring, story, figures):
    """The kinds of the Prometheus Operator come after our operator: it must begin to watch them by itself."""
    table = figures.table(
        f"Drift: {REPETITIONS} of each, seconds until it was put right",
        *("object", "edit p50", "edit worst", "delete p50", "delete worst"),
    )
    taken: list[float] = []
    autoscaling = {"minReplicas": 1, "maxReplicas": 2}
    async with story("drift", autoscaling=autoscaling, networkPolicy={"enabled": True}) as shop:
        await shop.ready(FIRST)
        for kind, name in sorted(children(shop)):
            root, plural, edit = KINDS[kind]
            if "-dashboard-" in name:
                edit = {"data": dict.fromkeys(await keys(shop, root, plural, name), "{}")}
            collection = f"/{root}/namespaces/{shop.namespace}/{plural}"
            edits = [await corrected(shop, collection, name, edit) for _ in range(REPETITIONS) if edit]
            deletions = [await restored(shop, collection, name) for _ in range(REPETITIONS)]
            taken += [*edits, *deletions]
            shown = [f"{value:.2f}" for value in (percentile(edits, 50), max(edits))] if edits else ["-", "-"]
            table.add(f"{kind} {name}", *shown, percentile(deletions, 50), max(deletions))
        table.add("p99 of all", "", "", "", percentile(taken, 99))
        assert {kind for kind, _ in children(shop)} == set(KINDS), "a kind is made that nobody edits here"
        assert percentile(taken, SHARE) < LONGEST_SECONDS
        assert shop.events("DriftCorrected")
        await a_finished_job_is_not_missed(shop)


def children(shop) -> set[tuple[str, str]]:
    """Everything the resource keeps, by status, and the snapshots of its revisions."""
    kept = {(each["kind"], each["name"]) for each in shop.status["managedObjects"]}
    selector = f"app.kubernetes.io/instance={shop.name}"
    snapshots = shop.kubectl.get("controllerrevision", f"--selector={selector}")["items"]
    return kept | {("ControllerRevision", each["metadata"]["name"]) for each in snapshots}


async def keys(shop, root, plural, name):
    return (await shop.api.get(f"/{root}/namespaces/{shop.namespace}/{plural}/{name}"))["data"]


async def corrected(shop, collection, name, edit) -> float:
    """Seconds from the answer to somebody's edit until the object says again what it said before."""
    before = await shop.api.get(f"{collection}/{name}")
    edited = await shop.api.patch(f"{collection}/{name}", edit)
    began = time.monotonic()
    assert said(edited) != said(before), "the edit changed nothing"
    change = await shop.api.until(collection, name, lambda seen: said(seen) == said(before), seconds=20)
    return change.at - began


async def restored(shop, collection, name) -> float:
    """Seconds from the answer to somebody's deletion until there is another object of that name."""
    before = await shop.api.get(f"{collection}/{name}")
    uid = before["metadata"]["uid"]
    await shop.api.delete(f"{collection}/{name}")
    began = time.monotonic()
    change = await shop.api.until(collection, name, lambda seen: seen["metadata"]["uid"] != uid, seconds=20)
    return change.at - began


def said(document) -> dict[str, object]:
    labels = {"labels": document["metadata"].get("labels")}
    return labels | {key: document[key] for key in COMPARED if key in document}


async def a_finished_job_is_not_missed(shop) -> None:
    """Its result stands in status: deleting it starts nothing."""
    [job] = shop.jobs("migrate")
    shop.kubectl.delete("job", job["metadata"]["name"])
    # An edit that is put right proves that the operator has looked since.
    await corrected(
        shop,
        f"/api/v1/namespaces/{shop.namespace}/services",
        shop.name,
        KINDS["Service"][2],
    )
    assert not shop.jobs("migrate")
    assert shop.status["phase"] == "Ready"
