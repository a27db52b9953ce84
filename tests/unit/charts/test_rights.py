"""The operator's Role grants what its code asks for, and nothing else."""

from __future__ import annotations

from collections import defaultdict

import pytest
from providers.operator_world import spec_with, state_of

from listings_operator import cluster as api
from listings_operator.assets import Assets, DashboardFile, RuleFile
from listings_operator.decide import _OPTIONAL
from listings_operator.observed import Apis

CHART = "listings-operator"

EVERYTHING = {
    "autoscaling": {},
    "redis": {"secretRef": {"name": "shop-redis"}},
    "networkPolicy": {"enabled": True},
}
ASSETS = Assets(
    rules=(RuleFile("service", ({"name": "service", "rules": []},)),),
    dashboards=(DashboardFile("service-health", "{}"),),
)
WATCH = {"list", "watch"}
APPLY = {"create", "patch"}  # a server-side apply of what is not there yet needs both
# Enforced by an admission plugin of the API server, not asked for by a request.
OWNER = {("listings.marketplace", "listingsdeployments/finalizers"): {"update"}}


def address(kind, subresource=""):
    group = kind.api_version.rpartition("/")[0]
    return group, f"{kind.plural}/{subresource}" if subresource else kind.plural


def what_the_code_does():
    """Verbs by resource: what cluster.py is asked for each kind, and what kopf watches."""
    needed = defaultdict(set)
    needed[address(api.LISTINGS_DEPLOYMENT)] |= {"get", *WATCH}
    needed[address(api.LISTINGS_DEPLOYMENT, "status")] |= {"patch"}
    needed[address(api.SECRET)] |= {"get"}
    needed[address(api.POD)] |= WATCH
    needed[address(api.EVENT)] |= {"create"}
    for kind in (*api.CHILDREN, *api.MONITORING):
        needed[address(kind)] |= WATCH
    state = state_of(
        spec_with(**EVERYTHING), assets=ASSETS, apis=Apis(prometheus_rules=True, service_monitors=True)
    )
    for manifest in (*state.foundation, state.deployment, *state.around, *state.observability):
        needed[address(api.kind_of(manifest))] |= {"get", *APPLY}
    needed[address(api.CONTROLLER_REVISION)] |= {"get", "create", "delete"}
    needed[address(api.JOB)] |= {"create", "delete"}
    for kind in (*api.CHILDREN, *api.MONITORING):
        if kind.kind in _OPTIONAL:
            needed[address(kind)] |= {"delete"}
    return needed


def granted(role):
    found = defaultdict(set)
    for rule in role["rules"]:
        assert not rule.keys() - {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found[group, resource] |= set(rule["verbs"])
    return found


def test_the_role_grants_what_the_code_asks_for_and_nothing_else(helm):
    [role] = [document for document in helm.render(CHART) if document["kind"] == "Role"]
    assert granted(role) == what_the_code_does() | OWNER


def test_rights_end_at_the_watched_namespaces(helm):
    documents = helm.render(CHART, "--set=watch.namespaces={one,two}")
    assert not [document for document in documents if document["kind"].startswith("Cluster")]
    for kind in ("Role", "RoleBinding"):
        places = [each["metadata"]["namespace"] for each in documents if each["kind"] == kind]
        assert places == ["one", "two"]
    for binding in (each for each in documents if each["kind"] == "RoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "ops", "namespace": "shop"}]


@pytest.mark.parametrize("namespaces", [(), ("--set=watch.namespaces={one,two}",)])
def test_nothing_is_granted_by_wildcard_and_secrets_are_only_read_by_name(helm, namespaces):
    for role in (each for each in helm.render(CHART, *namespaces) if each["kind"] == "Role"):
        for (group, resource), verbs in granted(role).items():
            assert "*" not in (group, resource, *verbs)
            if resource == "secrets":
                assert verbs == {"get"}
