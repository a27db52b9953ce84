"""What others have added to an object of ours is found by who holds it, and taken out by one patch."""

from __future__ import annotations

import pytest

from listings_operator.strays import RESTARTED, without_strays

OURS = {"manager": "listings-operator/workload", "operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}}}}


def held_by(fields, manager="kubectl-edit", operation="Update", **more):
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def config_map(*managers, **data):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "resourceVersion": "7", "managedFields": [OURS, *managers]},
        "data": data,
    }


MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}}
STRAY = held_by({"f:data": {"f:b": {}}})


def test_what_we_do_not_say_is_taken_out_if_nothing_has_changed_meanwhile():
    assert without_strays(MANIFEST, config_map(STRAY, a="1", b="2")) == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/data", "value": {"a": "1"}},
    ]


def test_content_of_a_kind_that_we_do_not_use_is_removed():
    live = config_map(held_by({"f:binaryData": {".": {}, "f:b": {}}}), a="1") | {"binaryData": {"b": "eA=="}}
    assert without_strays(MANIFEST, live)[-1] == {"op": "remove", "path": "/binaryData"}


@pytest.mark.parametrize(
    "other",
    [
        held_by({"f:data": {"f:b": {}}}, manager="listings-operator/observability"),
        held_by({"f:data": {"f:b": {}}}, operation="Apply"),
        held_by({"f:spec": {"f:replicas": {}}}, manager="kube-controller-manager", subresource="scale"),
        held_by({"f:status": {"f:x": {}}}),
        held_by({"f:metadata": {"f:annotations": {"f:note": {}}}}),
    ],
    ids=["ours", "declared by another", "scaled", "status", "annotation"],
)
def test_what_others_may_say_is_let_be(other):
    assert without_strays(MANIFEST, config_map(other, a="1", b="2")) == []


def test_accounts_get_their_secrets_from_the_platform():
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}}
    live = {**config_map(held_by({"f:secrets": {}})), "kind": "ServiceAccount", "secrets": [{"name": "x"}]}
    assert without_strays(account, live) == []


def deployment(annotations=None, **spec):
    metadata = {"annotations": annotations} if annotations else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"template": {"metadata": metadata, "spec": {"containers": []}}, **spec},
    }


def test_a_restart_and_the_number_of_pods_outlive_what_is_taken_out():
    live = deployment({RESTARTED: "now", "ours": "1"}, replicas=4, paused=True)
    live["metadata"] |= {"resourceVersion": "7", "managedFields": [held_by({"f:spec": {"f:paused": {}}})]}
    [_, change] = without_strays(deployment({"ours": "1"}), live)
    assert change["value"]["replicas"] == 4
    assert "paused" not in change["value"]
    assert change["value"]["template"]["metadata"]["annotations"] == {"ours": "1", RESTARTED: "now"}


def test_a_restart_alone_is_nothing_to_put_right():
    live = deployment({RESTARTED: "now"}, replicas=4)
    held = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {".": {}, f"f:{RESTARTED}": {}}}}}}
    live["metadata"] |= {"resourceVersion": "7", "managedFields": [held_by(held, manager="kubectl-rollout")]}
    assert without_strays(deployment(), live) == []
