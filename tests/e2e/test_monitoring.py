"""The Prometheus under the e2e tests is a real one: it finds monitors, scrapes and evaluates rules."""

from __future__ import annotations

import pytest

RULES = "monitoring.coreos.com/v1"


@pytest.fixture
def monitored(cluster, namespace, monitoring):
    """Prometheus watches the Service it stands behind itself, from a namespace of the test's own."""
    kubectl = cluster.kubectl.within(namespace)
    kubectl.apply(
        {
            "apiVersion": RULES,
            "kind": "ServiceMonitor",
            "metadata": {"name": "itself"},
            "spec": {
                "selector": {"matchLabels": {"operated-prometheus": "true"}},
                "namespaceSelector": {"matchNames": ["monitoring"]},
                "endpoints": [{"port": "web"}],
            },
        },
        {
            "apiVersion": RULES,
            "kind": "PrometheusRule",
            "metadata": {"name": "itself"},
            "spec": {
                "groups": [
                    {
                        "name": namespace,
                        "rules": [{"record": f"x:{namespace.replace('-', '_')}", "expr": "up"}],
                    }
                ]
            },
        },
    )
    return kubectl


def test_what_a_service_monitor_names_is_scraped_and_rules_are_evaluated(namespace, monitored, monitoring):
    monitoring.wait("a target that is up", lambda: monitoring.targets_up("monitoring"))

    def loaded() -> bool:
        monitoring.hurry()
        return namespace in monitoring.rule_groups()

    monitoring.wait("the rule group", loaded)


def test_a_rule_that_does_not_parse_is_left_out_alone(cluster, namespace, monitored, monitoring):
    broken = {"alert": "Broken", "expr": "sum(rate(x[5m)"}
    kubectl = cluster.kubectl.within(namespace)
    kubectl.apply(
        {
            "apiVersion": RULES,
            "kind": "PrometheusRule",
            "metadata": {"name": "broken"},
            "spec": {"groups": [{"name": "broken", "rules": [broken]}]},
        }
    )
    monitoring.wait(
        "the event that says so",
        lambda: [
            event
            for event in kubectl.get("events")
            if event["reason"] == "InvalidConfiguration" and event["involvedObject"]["name"] == "broken"
        ],
    )

    def loaded() -> bool:
        monitoring.hurry()
        return namespace in monitoring.rule_groups()

    monitoring.wait("the good group", loaded)
    assert "broken" not in monitoring.rule_groups()
