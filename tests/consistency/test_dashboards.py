"""Dashboards are what tools/boards says, show everything that was asked of them, and are where alerts point."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import promql_parser as promql
import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from providers.tools import tool

from listings_operator.assets import LARGEST_FILE

ROOT = Path(__file__).parents[2]
rules = tool("rules")

BOARDS = {file.stem: json.loads(file.read_text()) for file in sorted((ROOT / "dashboards").glob("*.json"))}
PANELS = {name: [each for each in board["panels"] if each["type"] != "row"] for name, board in BOARDS.items()}

# What the service before had, under the names that people know, and what they wished for beside it.
ASKED_FOR = {
    "service-health": [
        "Service Uptime (24h)",
        "Current RPS",
        "Total Requests (24h)",
        "Error Rate (%)",
        "Request Latency (P50, P95, P99)",
        "Throughput by Method (RPS)",
        "Error Rate by Method",
        "Status Code Distribution (Last 1h)",
        "Request Volume Heatmap",
        "Active Requests (In-Flight)",
        "SLO compliance: availability (1h)",
        "SLO compliance: success (1h)",
        "Active alerts",
    ],
    "infrastructure": [
        "CPU Usage",
        "Memory Usage",
        "Tasks",  # were goroutines
        "Resource Usage Over Time",
        "Database Connections (Open)",
        "Database Connections (Idle)",
        "Database Connection Pool",
        "Database Query Duration Distribution",
        "Slow Queries (P99 > 100ms)",
        "Redis Commands/sec",
        "Redis Hit Ratio",
        "Redis Cache Performance",
        "Rate Limiting Activity",
        "Disk usage",
        "Disk I/O",
        "Network I/O",
        "Host CPU",
        "Host memory",
    ],
    "business-metrics": [
        "Listings Created (24h)",
        "Listings Updated (24h)",
        "Listings Deleted (24h)",
        "Listing Operations Rate",
        "Total Stock Operations (24h)",
        "Out of Stock Products",
        "Inventory Movements by Type",
        "Low Stock Alerts by Product",
        "Total Product Views (24h)",
        "Top 10 Most Viewed Products",
        "Search Queries (24h)",
        "Search Rate",
        "Cache Hit Ratio",
        "Cache Hits vs Misses",
        "Indexing Queue Size",
        "Indexing Jobs Processed",
        "Indexing Job Duration Distribution",
        "Stock checks",
        "Stock decrements",
        "Stock rollbacks",
    ],
    "alerting-slo": [
        "Active Alerts",
        "Service Availability (30d SLO Target: 99.9%)",
        "Success Rate (7d SLO Target: 99.5%)",
        "Error Budget Remaining (30d)",
        "P95 Latency SLO (Target: <200ms)",
        "P99 Latency SLO (Target: <1000ms)",
        "SLO Compliance Over Time (P95 < 200ms)",
        "SLO Compliance Over Time (P99 < 1000ms)",
        "Alert History Timeline",
        "Error Budget Burn Rate",
        "Total Errors (24h)",
        "Timeouts (24h)",
        "Errors by Component and Type",
        "On-Call Status",
        "Incidents (7d)",
        "Rate Limit Rejections",
        "Incident impact (24h)",
    ],
    "operator": ["Operator up", "Resources by phase", "Looks per second", "Put right", "Oldest in the queue"],
}


def test_the_files_are_what_their_source_says():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "dashboards.py", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_that_was_asked_for_is_there():
    assert BOARDS.keys() == ASKED_FOR.keys()
    for name, titles in ASKED_FOR.items():
        assert not set(titles) - {panel["title"] for panel in PANELS[name]}, name


def lost(board) -> list[str]:
    """What Grafana's types do not know of a dashboard: reading drops it."""
    plugins.register_default_plugins()
    return list(missing(board, json.loads(JSONEncoder().encode(Dashboard.from_json(board))), ""))


def missing(given, read, place):
    if isinstance(given, dict) and isinstance(read, dict):
        for key, each in given.items():
            yield from missing(each, read[key], f"{place}.{key}") if key in read else [f"{place}.{key}"]
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for one, other in zip(given, read, strict=True):
            yield from missing(one, other, place)
    elif given != read:
        yield place


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_one_of_grafanas_types_and_nothing_else(name):
    assert lost(BOARDS[name]) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"graphMode"', '"graphMood"'), ('"legendFormat"', '"legend"'), ('"gridPos"', '"gridPosition"')],
)
def test_what_grafana_would_ignore_is_noticed(right, wrong):
    text = json.dumps(BOARDS["service-health"])
    assert right in text
    assert lost(json.loads(text.replace(right, wrong)))


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_can_be_chosen_from_and_refreshes(name):
    board = BOARDS[name]
    assert re.fullmatch(r"listings-[a-z-]+", board["uid"])
    assert board["refresh"] == "30s"
    assert board["tags"] == ["listings"]
    variables = [each["name"] for each in board["templating"]["list"]]
    service = ["service"] if name != "operator" else []
    assert variables == ["datasource", "namespace", *service, "instance"]
    for each in board["templating"]["list"][1:]:
        assert each["allValue"] == ".*", "a series without the label is shown too"
    assert len((ROOT / "dashboards" / f"{name}.json").read_bytes()) < LARGEST_FILE / 5


def test_uids_are_unique():
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_panels_say_what_they_show_and_do_not_overlap(name):
    board, panels = BOARDS[name], PANELS[name]
    assert len({each["id"] for each in board["panels"]}) == len(board["panels"])
    assert len({each["title"] for each in panels}) == len(panels)
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["targets"], panel["title"]
    areas = [(each["title"], each["gridPos"]) for each in board["panels"]]
    for (one, a), (other, b) in combinations(areas, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, (one, other)
    assert all(area["x"] + area["w"] <= 24 for _, area in areas)


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_of_ours_is_narrowed_to_what_is_chosen(name):
    for panel in PANELS[name]:
        for each in panel["targets"]:
            for selector in re.findall(r'\{[^{}]*job="listings(?:-operator)?"[^{}]*\}', each["expr"]):
                assert 'namespace=~"$namespace"' in selector, panel["title"]
                assert selector.count("namespace=~") == 1, panel["title"]


RULES = [
    rule
    for file in sorted((ROOT / "alerts").glob("*.yaml"))
    for group in yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]
    for rule in group["rules"]
]
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


def metrics(node) -> set[str]:
    """The exported metrics of an expression, those of the rules that it uses among them."""
    if isinstance(node, promql.VectorSelector):
        return metrics(promql.parse(RECORDED[node.name])) if node.name in RECORDED else {node.name}
    return {each for child in rules._children(node) for each in metrics(child)}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_points_at_a_dashboard_that_shows_what_it_is_about(name):
    link = urlsplit(ALERTS[name]["annotations"]["dashboard"])
    [board] = [key for key, each in BOARDS.items() if link.path == f"/d/{each['uid']}"]
    known = {each["name"] for each in BOARDS[board]["templating"]["list"]}
    assert {each.removeprefix("var-") for each in parse_qs(link.query)} <= known
    shown = {
        metric
        for panel in PANELS[board]
        for target in panel["targets"]
        for metric in metrics(promql.parse(rules._plain(target["expr"])))
    }
    wanted = metrics(promql.parse(ALERTS[name]["expr"])) or {"ALERTS"}
    assert wanted & shown, f"{board} shows none of {sorted(wanted)}"


@pytest.mark.parametrize("name", BOARDS)
def test_what_is_drawn_in_seconds_is_a_time(name):
    for panel in PANELS[name]:
        if panel["fieldConfig"]["defaults"]["unit"] == "s":
            for target in panel["targets"]:
                asked = metrics(promql.parse(rules._plain(target["expr"])))
                assert any("_seconds" in each for each in asked), (panel["title"], target["expr"])
