"""Whatever somebody changes or deletes is put right, and told once; what is as it should be causes no write."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.xdist_group("api_server")

EDITS = {
    "deployment": {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 99}}}},
    "service": {"spec": {"selector": {"app.kubernetes.io/name": "other"}}},
    "serviceaccount": {"automountServiceAccountToken": True},
    "poddisruptionbudget": {"spec": {"maxUnavailable": 9}},
    "configmap/shop-dashboard-service-health": {"data": {"service-health.json": "{}"}},
}


def split(target: str) -> tuple[str, str]:
    kind, _, name = target.partition("/")
    return kind, name or "shop"


@pytest.mark.parametrize("target", EDITS)
async def test_an_edited_child_is_put_right(shop, stepping, target):
    await stepping.install()
    kind, name = split(target)
    before = shop.get(kind, name)
    shop.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(EDITS[target]))
    await stepping.look()
    after = shop.get(kind, name)
    for part in ("spec", "data", "automountServiceAccountToken"):
        assert after.get(part) == before.get(part)
    assert shop.events.count("DriftCorrected") == 1


ADDITIONS = {
    "deployment": {
        "spec": {
            "paused": True,
            "template": {
                "spec": {"containers": [{"name": "listings", "env": [{"name": "STRAY", "value": "x"}]}]}
            },
        }
    },
    "service": {"spec": {"sessionAffinity": "ClientIP"}},
    "configmap/shop-dashboard-service-health": {"data": {"stray.json": "{}"}},
}


@pytest.mark.parametrize("target", ADDITIONS)
async def test_what_somebody_adds_to_a_child_is_taken_out_again(shop, stepping, target):
    await stepping.install()
    kind, name = split(target)
    before = shop.get(kind, name)
    shop.kubectl("patch", kind, name, "--type=strategic", "-p", json.dumps(ADDITIONS[target]))
    await stepping.look()
    after = shop.get(kind, name)
    for part in ("spec", "data"):
        assert after.get(part) == before.get(part)
    assert shop.events.count("DriftCorrected") == 1
    version = after["metadata"]["resourceVersion"]
    await stepping.look()
    assert shop.get(kind, name)["metadata"]["resourceVersion"] == version


async def test_a_restart_that_somebody_asks_for_is_let_be(shop, stepping):
    await stepping.install()
    shop.kubectl("rollout", "restart", "deployment/shop")
    shop.kubectl("set", "env", "deployment/shop", "STRAY=x")
    await stepping.look()
    template = shop.get("deployment")["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    names = [each["name"] for each in template["spec"]["containers"][0]["env"]]
    assert "STRAY" not in names


@pytest.mark.parametrize("target", EDITS)
async def test_a_deleted_child_comes_back(shop, stepping, target):
    await stepping.install()
    kind, name = split(target)
    uid = shop.get(kind, name)["metadata"]["uid"]
    shop.kubectl("delete", kind, name, "--wait=false")
    await stepping.look()
    assert shop.get(kind, name)["metadata"]["uid"] != uid
    assert shop.events.count("DriftCorrected") == 1


async def test_nothing_is_written_while_nothing_changes(shop, stepping):
    await stepping.install()
    await stepping.look()
    before = (shop.resource["metadata"]["resourceVersion"], len(shop.events))
    written = stepping.metrics.registry.get_sample_value
    labels = {"verb": "PATCH", "kind": "Deployment", "status": "200"}
    patches = written("listings_operator_api_requests_total", labels)
    for _ in range(3):
        await stepping.look()
    assert (shop.resource["metadata"]["resourceVersion"], len(shop.events)) == before
    assert written("listings_operator_api_requests_total", labels) == patches


async def test_a_service_of_somebody_else_is_left_alone_and_named(shop, stepping):
    shop.kubectl.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "shop"},
            "spec": {"ports": [{"port": 1}], "selector": {"app": "other"}},
        }
    )
    await stepping.look()
    assert shop.get("service")["spec"]["selector"] == {"app": "other"}
    assert shop.condition("DependenciesReady")["reason"] == "ChildOwnedByAnother"
    assert not shop.jobs()
