"""A Kubernetes API without nodes judges objects as a whole cluster's does."""

from __future__ import annotations

import pytest
from e2e.cluster.kubectl import KubectlError

pytestmark = pytest.mark.xdist_group("api_server")


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_objects_are_kept(api_server, api_namespace):
    kubectl = api_server.kubectl.within(api_namespace)
    kubectl.apply(config_map("one", key="value"))
    assert kubectl.get("configmap", "one")["data"] == {"key": "value"}


def test_a_field_of_another_manager_is_not_taken_over(api_server, api_namespace):
    kubectl = api_server.kubectl.within(api_namespace)
    kubectl.apply(config_map("one", key="first"), manager="first")
    with pytest.raises(KubectlError, match="conflict"):
        kubectl.apply(config_map("one", key="second"), manager="second")


def test_a_user_without_a_role_is_refused(api_server, api_namespace):
    account = api_server.kubectl.within(api_namespace).impersonating(
        f"system:serviceaccount:{api_namespace}:nobody"
    )
    with pytest.raises(KubectlError, match="forbidden"):
        account.get("configmap")


def test_cel_rules_of_a_custom_resource_are_enforced(api_server, api_namespace):
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {"least": {"type": "integer"}, "most": {"type": "integer"}},
                "x-kubernetes-validations": [
                    {"rule": "self.least <= self.most", "message": "least may not be above most"}
                ],
            }
        },
    }
    api_server.kubectl.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "ranges.listings.test"},
            "spec": {
                "group": "listings.test",
                "names": {"kind": "Range", "plural": "ranges"},
                "scope": "Namespaced",
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
                ],
            },
        }
    )
    api_server.kubectl.wait("condition=Established", "crd/ranges.listings.test")
    kubectl = api_server.kubectl.within(api_namespace)

    def apply(least: int, most: int) -> None:
        kubectl.apply(
            {
                "apiVersion": "listings.test/v1",
                "kind": "Range",
                "metadata": {"name": "one"},
                "spec": {"least": least, "most": most},
            }
        )

    apply(1, 2)
    with pytest.raises(KubectlError, match="least may not be above most"):
        apply(3, 2)
