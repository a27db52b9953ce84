"""No dead alert and no dead panel: every metric in alerts/ and dashboards/ is one that the service exports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from listings.metrics import Metrics
from listings_operator import assets

ROOT = Path(__file__).parents[2]
# Given by Prometheus itself.
FOREIGN = {"up"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def exported() -> set[str]:
    metrics = Metrics({"/listings.v1.ListingsService/GetListing": ("OK",)})
    return {
        family.name + suffix
        for family in metrics.registry.collect()
        for suffix in SUFFIXES.get(family.type, ("",))
    }


def rules() -> list[dict[str, str]]:
    files = (ROOT / "alerts").glob("*.yaml")
    return [
        rule
        for file in files
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def panels() -> list[dict[str, object]]:
    return [
        panel
        for file in (ROOT / "dashboards").glob("*.json")
        for panel in json.loads(file.read_text())["panels"]
    ]


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [
        target["expr"] for panel in panels() for target in panel["targets"]
    ]


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_is_exported(expression):
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    named = set(re.findall(r"\b(?:listings[:_][a-z0-9_:]+|up|process_\w+)(?=[{\[)\s]|$)", expression))
    assert named, "names no metric"
    missing = named - exported() - recorded - FOREIGN
    assert not missing, f"mend alerts/ or dashboards/, or export it in service/listings/metrics.py: {missing}"


def test_every_alert_has_its_runbook_and_every_runbook_its_alert():
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert alerts == {file.stem for file in (ROOT / "docs" / "runbooks").glob("Listings*.md")}
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert {"summary", "description", "runbook_url"} <= set(rule["annotations"])


def test_every_panel_says_its_unit_and_what_it_shows():
    for panel in panels():
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_the_operator_can_use_every_file():
    found = assets.load(ROOT / "alerts", ROOT / "dashboards")
    assert not found.problems
    assert len(found.rules) == len(list((ROOT / "alerts").glob("*.yaml")))
    assert len(found.dashboards) == len(list((ROOT / "dashboards").glob("*.json")))
