"""Rules, panels and runbooks hold together: no dead name, no alert without its page, no number out of bounds."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import promql_parser as promql
import pytest
import yaml
from providers.tools import tool

from listings_operator import assets

ROOT = Path(__file__).parents[2]
rules = tool("rules")
metrics_reference = tool("metrics_reference")

GROUPS = {
    "cache_alerts": 2,
    "critical_alerts": 6,
    "database_alerts": 3,
    "slo_alerts": 6,
    "warning_alerts": 8,
}
# What was agreed for each of the 25: how long, how bad, and its thresholds.
AGREED = {
    "CacheHitRatioLow": ("15m", "warning", 0.7),
    "CacheUnavailable": ("2m", "critical"),
    "ServiceDown": ("1m", "critical"),
    "HighErrorRateCritical": ("5m", "critical", 0.1),
    "DatabasePoolExhausted": ("2m", "critical", 0.95),
    "HighLatencyP99Critical": ("5m", "critical", 2),
    "RedisConnectionIssues": ("5m", "critical", 0.1),
    "MemoryUsageCritical": ("5m", "critical", 0.9, 0.95),
    "DatabasePoolSaturation": ("10m", "warning", 0.8, 0.5),
    "DatabaseQueryDurationHigh": ("10m", "warning", 1),
    "ReplicationLagHigh": ("5m", "warning", 30),
    "AvailabilityAtRisk": ("5m", "warning", 99.95),
    "ErrorBudgetBurnRateFast": ("2m", "critical", 14.4, 0.001),
    "ErrorBudgetBurnRateSlow": ("15m", "warning", 6, 0.001),
    "LatencyP95SLOBreach": ("10m", "warning", 0.2),
    "LatencyP99SLOBreach": ("10m", "warning", 1),
    "SuccessRateSLOBreach": ("5m", "critical", 99.5),
    "HighLatencyP95Warning": ("10m", "warning", 1),
    "HighErrorRateWarning": ("10m", "warning", 0.01),
    "HighRequestRate": ("10m", "warning", 1000),
    "RateLimitRejectionsHigh": ("10m", "warning", 10),
    "CPUUsageHigh": ("15m", "warning", 0.7),
    "MemoryUsageHigh": ("15m", "warning", 0.8),
    "EventLoopLagHigh": ("10m", "warning", 0.25),
    "DiskSpaceLow": ("5m", "warning", 0.15),
}
RECORDING = {
    "request_rate_metrics": 6,
    "error_rate_metrics": 5,
    "latency_metrics": 7,
    "slo_metrics": 7,
    "database_metrics": 7,
    "cache_metrics": 5,
    "rate_limiting_metrics": 2,
    "business_metrics": 5,
    "system_metrics": 5,
    "runtime_metrics": 4,
}


def groups():
    return {
        group["name"]: group["rules"]
        for file in sorted((ROOT / "alerts").glob("*.yaml"))
        for group in yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]
    }


ALERTS = {rule["alert"]: rule for each in groups().values() for rule in each if "alert" in rule}


def test_no_name_is_dead():
    result = rules.check(rules.everything())
    assert result.findings == []
    assert result.names > 150


@pytest.mark.parametrize(
    ("file", "right", "wrong", "nearest"),
    [
        (
            "critical.yaml",
            "listings_db_connections_max",
            "listings_db_connection_max",
            "listings_db_connections_max",
        ),
        (
            "recording.yaml",
            "listings_gc_pause_duration_seconds_bucket",
            "listings_gc_pause_bucket",
            "listings_gc_p",
        ),
        ("slo.yaml", "method:grpc_request_duration:p95_5m", "method:grpc_request_duratin:p95_5m", "p95_5m"),
        ("cache.yaml", 'server="redis"', 'server="rediss"', "redis"),
        ("cache.yaml", 'server="redis"', 'sever="redis"', "server"),
        ("database.yaml", "inventory.drift|", "inventory.drif|", "inventory.drift"),
        ("warning.yaml", "by (job, namespace, service, method, le)", "by (job, methods, le)", "method"),
        ("critical.yaml", "UNAVAILABLE|", "UNAVAILIBLE|", "UNAVAILABLE"),
        ("database.yaml", "pg_replay_lag_seconds", "pg_replay_lag", "pg_replay_lag_seconds"),
        ("extras.yaml", 'job="listings",dependency', "dependency", "without its job"),
    ],
)
def test_a_typo_names_file_line_and_the_nearest_name(tmp_path, file, right, wrong, nearest):
    for each in (ROOT / "alerts").glob("*.yaml"):
        shutil.copy(each, tmp_path)
    text = (tmp_path / file).read_text()
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong, 1))
    [finding, *_] = rules.check(sorted(tmp_path.glob("*.yaml"))).findings
    line = next(number for number, row in enumerate(text.splitlines(), 1) if right in row)
    assert nearest in finding
    assert re.match(rf".*{file}:{line}: ", finding), (finding, line)


def test_a_typo_in_a_panel_is_found(tmp_path):
    board = (ROOT / "dashboards" / "service-health.json").read_text()
    (tmp_path / "board.json").write_text(
        board.replace("listings_grpc_requests_total", "listings_grpc_request_total", 1)
    )
    [finding, *_] = rules.check([tmp_path / "board.json", *(ROOT / "alerts").glob("*.yaml")]).findings
    assert re.match(r".*board.json:\d+: .*nearest is listings_grpc_requests_total", finding)


def test_the_groups_are_the_known_ones():
    found = {name: len(each) for name, each in groups().items()}
    assert {name: found[name] for name in GROUPS} == GROUPS
    assert sum(GROUPS.values()) == 25
    assert {name: found[name] for name in RECORDING} == RECORDING
    assert sum(RECORDING.values()) == 53


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_what_on_call_needs(name):
    rule = ALERTS[name]
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    assert "$value" in notes["summary"], "a summary says the value"
    assert notes["description"]
    assert notes["runbook_url"] == f"docs/runbooks/{name}.md"
    boards = {json.loads(file.read_text())["uid"] for file in (ROOT / "dashboards").glob("*.json")}
    assert re.match(r"/d/([\w-]+)", notes["dashboard"])[1] in boards


def test_the_25_alerts_are_as_agreed():
    grouped = {rule["alert"]: rule for group in GROUPS for rule in groups()[group]}
    assert grouped.keys() == AGREED.keys()
    for name, (lasting, severity, *thresholds) in AGREED.items():
        rule = grouped[name]
        assert (rule["for"], rule["labels"]["severity"]) == (lasting, severity), name
        assert set(thresholds) <= numbers(promql.parse(rule["expr"])), name


def numbers(node) -> set[float]:
    """Every number of an expression."""
    if isinstance(node, promql.NumberLiteral):
        return {node.val}
    return {each for child in rules._children(node) for each in numbers(child)}


@pytest.mark.parametrize("name", ALERTS)
def test_parameters_repeat_the_rule_and_lie_within_their_bounds(name):
    rule = ALERTS[name]
    parameters = json.loads(rule["annotations"]["parameters"])
    assert parameters.pop("for") == rule["for"]
    used = numbers(promql.parse(rule["expr"]))
    for parameter, given in parameters.items():
        assert given.keys() == {"value", "min", "max", "unit"}
        assert given["min"] <= given["value"] <= given["max"], parameter
        assert given["value"] in used, f"{parameter} is no number of the expression"


@pytest.mark.parametrize("name", ["AvailabilityAtRisk", "ErrorBudgetBurnRateFast", "SuccessRateSLOBreach"])
def test_few_calls_prove_nothing(name):
    for each in groups()["slo_alerts"]:
        assert "min_calls" in json.loads(each["annotations"]["parameters"]), each["alert"]
    assert "min_calls" in ALERTS[name]["annotations"]["parameters"]


def test_the_page_of_objectives_says_the_rules_numbers():
    text = (ROOT / "docs" / "slo.md").read_text()
    rows = {
        cell.strip(): [each.strip().removesuffix(" s") for each in values]
        for line in text.splitlines()
        if line.startswith("|") and line.count("|") == 4
        for cells, *values in [line.strip("|").split("|")]
        for cell in cells.split(",")
    }
    for place, name in enumerate(("LatencyP95SLOBreach", "LatencyP99SLOBreach")):
        parameters = json.loads(ALERTS[name]["annotations"]["parameters"])
        for key, given in parameters.items():
            for method in {"threshold": ["every other"], "for": [], "min_calls": []}.get(key, key.split("_")):
                assert float(rows[method][place]) == given["value"], (name, method)


SECTIONS = ["## Meaning", "## Impact", "## First checks", "## Remedies"]


def test_every_alert_has_its_runbook_and_every_runbook_its_alert():
    pages = {file.stem for file in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README"}
    assert pages == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_says_meaning_impact_checks_and_remedies(name):
    text = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## .*$", text, re.MULTILINE) == SECTIONS
    lines = re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1].splitlines()
    assert lines, "no line to run"
    for line in lines:
        for query in re.findall(r"query=([^']*)'", line):
            promql.parse(query)
            for metric in re.findall(r"\b(?:listings_\w+|\w+:\w+:\w+)\b", query):
                assert metric in KNOWN, f"{metric} is not exported"


KNOWN = rules.check(rules.everything()).known


def test_every_recorded_name_of_an_exporter_was_really_seen():
    seen = json.loads((ROOT / "tests" / "rules" / "exporters.json").read_text())
    assert seen.keys() == {"node", "postgres", "redis", "blackbox", "prometheus"}
    assert all(len(metrics) > 10 for metrics in seen.values())


def test_the_operator_can_use_every_file():
    found = assets.load(ROOT / "alerts", ROOT / "dashboards")
    assert not found.problems
    assert len(found.rules) == len(list((ROOT / "alerts").glob("*.yaml")))
    assert len(found.dashboards) == len(list((ROOT / "dashboards").glob("*.json")))


def test_every_panel_says_its_unit_and_what_it_shows():
    for file in (ROOT / "dashboards").glob("*.json"):
        for panel in json.loads(file.read_text())["panels"]:
            if panel["type"] not in {"row", "text"}:
                assert panel["description"]
                assert panel["fieldConfig"]["defaults"]["unit"]


def mutants(exported):
    """What is exported with one thing other than it is: each family, label and value dropped, and each renamed."""
    families = {name: [name] for name in exported if not name.endswith(("_bucket", "_sum", "_count"))}
    for name in exported:
        if name.endswith("_bucket"):
            family = name.removesuffix("_bucket")
            families[family] = [f"{family}{each}" for each in ("_bucket", "_sum", "_count")]
    for family, names in families.items():
        rest = {each: labels for each, labels in exported.items() if each not in names}
        yield family, "", names, rest
        yield family, "renamed", names, {**rest, **{f"x_{each}": exported[each] for each in names}}
        for label, values in exported[names[0]].items():
            if label == "le":
                continue
            without = {
                each: {key: known for key, known in exported[each].items() if key != label} for each in names
            }
            yield family, f"without {label}", names, {**exported, **without}
            renamed = {each: {**labels, f"x_{label}": values} for each, labels in without.items()}
            yield family, f"{label} renamed", names, {**exported, **renamed}
            for value in sorted(values or ()):
                for other in ((), (f"x_{value}",)):
                    changed = {each: {**exported[each], label: values - {value} | {*other}} for each in names}
                    yield family, f"{label}={value} as {other or 'nothing'}", names, {**exported, **changed}


def promise(exported, names):
    """What docs/reference/metrics.md would say of a family."""
    return list(metrics_reference.page("", {name: exported[name] for name in names if name in exported}))


def test_whatever_is_no_longer_exported_is_noticed():
    """Mutants of all that we export: noticed by a rule or a panel that asks for it, else by the page that promises it."""
    exported = {
        name: labels
        for name, labels in rules.own().items()
        # Those of the Python client are promised only where a rule or a panel asks for them.
        if name.startswith("listings_")
    }
    places = [each for file in rules.everything() for each in rules.expressions(file)]
    asking = {}
    for each in places:
        for name in {node.name for node in selectors(rules.parsed(each.text))}:
            asking.setdefault(name, []).append(each)
    known = rules.examine(places, rules.own()).known
    by_rules = by_page = 0
    by_nobody = []
    for family, what, names, mutant in mutants(exported):
        others = {name: labels for name, labels in known.items() if name not in names}
        result = rules.Check({**others, **mutant}, frozenset(mutant), suggests=False)
        for place in {id(each): each for name in names for each in asking.get(name, ())}.values():
            rules._look(place, rules.parsed(place.text), result)
            if result.findings:
                break
        if result.findings:
            by_rules += 1
        elif promise(exported, names) != promise(mutant, names):
            by_page += 1
        else:
            by_nobody.append(f"{family} {what}")
    noticed, total = by_rules + by_page, by_rules + by_page + len(by_nobody)
    print(
        f"\nmutants of what is exported: {noticed} of {total} noticed ({noticed / total:.0%}):"
        f" {by_rules} by rules and panels, {by_page} by docs/reference/metrics.md"
    )
    assert not by_nobody
    assert by_rules > 250


def selectors(node):
    """Every selector of an expression."""
    if isinstance(node, promql.VectorSelector):
        return [node]
    return [each for child in rules._children(node) for each in selectors(child)]
