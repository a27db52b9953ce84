"""The objects of two resources, in full, as a reader of YAML would check them.

Change a builder, look at the difference, and write it anew with a reason in the commit:
LISTINGS_TEST_GOLDEN=write pytest tests/unit/listings_operator/test_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from providers.operator_world import spec_with, state_of

from listings_operator.assets import Assets, DashboardFile, RuleFile
from listings_operator.observed import Apis, Task

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "operator"
RULE = {
    "alert": "ServiceDown",
    "expr": 'up{job="listings"} == 0',
    "for": "1m",
    "labels": {"severity": "critical"},
}
ASSETS = Assets(
    rules=(RuleFile("service", ({"name": "listings.service", "rules": [RULE]},)),),
    dashboards=(DashboardFile("service-health", '{"uid": "listings-health"}'),),
)
RESOURCES = {
    "minimal": (spec_with(), Apis()),
    "everything": (
        spec_with(
            autoscaling={"minReplicas": 3},
            redis={"secretRef": {"name": "shop-redis"}},
            tls={"secretRef": {"name": "shop-tls"}, "edges": "both"},
            networkPolicy={"enabled": True, "fromNamespaces": {"team": "shop"}},
            observability={"rules": {"labels": {"release": "prometheus"}}},
            pod={"env": [{"name": "LISTINGS_LOG_LEVEL", "value": "debug"}], "nodeSelector": {"disk": "fast"}},
        ),
        Apis(prometheus_rules=True, service_monitors=True),
    ),
}


class Plain(yaml.SafeDumper):
    """Without anchors."""

    def ignore_aliases(self, data):
        return True


@pytest.mark.parametrize("name", RESOURCES)
def test_objects_are_as_they_were(name):
    spec, apis = RESOURCES[name]
    state = state_of(spec, assets=ASSETS, apis=apis)
    made = [*state.foundation, state.deployment, *([state.scale] if state.scale else []), *state.around]
    made += [*state.observability, state.snapshot]
    if name == "minimal":
        made += [state.job(task, "key", 1) for task in Task]
    file = FOLDER / f"{name}.yaml"
    if os.environ.get("LISTINGS_TEST_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.dump_all(made, Dumper=Plain, sort_keys=False, width=110))
    assert list(yaml.safe_load_all(file.read_text())) == made
