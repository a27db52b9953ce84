"""No dead name: every metric, label and label value in alerts/ and dashboards/ is one that somebody exports.

    python tools/rules.py [file ...]      default: every file of alerts/ and dashboards/

A name resolves to a family of the service or of the operator, to another rule, or to what a foreign
exporter was seen to export (tests/rules/exporters.json, written by tools/exporters.py). Expressions are
parsed, not searched. Each finding says file, line, what is wrong, and the nearest name that exists.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import promql_parser as promql
import yaml

from listings.db.statements import statements
from listings.metrics import Metrics
from listings.state_metrics import BusMetrics
from listings.transport.policy import POLICIES
from listings_operator.metrics import Metrics as OperatorMetrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

ROOT: Final = Path(__file__).parents[1]
RECORDED: Final = ROOT / "tests" / "rules" / "exporters.json"

# What Prometheus gives every scraped series.
TARGET: Final = ("job", "instance", "namespace", "service", "pod", "cluster", "environment")
JOBS: Final = frozenset(
    {"listings", "listings-operator", "node", "postgres", "redis", "blackbox", "prometheus"}
)
OURS: Final = frozenset({"listings", "listings-operator"})
BUILT_IN: Final = {
    "up": {},
    "ALERTS": dict.fromkeys(("alertname", "alertstate", "severity", "team", "slo")),
    "ALERTS_FOR_STATE": dict.fromkeys(("alertname", "severity", "team", "slo")),
    "scrape_duration_seconds": {},
    "scrape_samples_scraped": {},
}
SUFFIXES: Final = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
# Labels of ours whose values are without bound or are made where the label is used.
OPEN: Final = frozenset(
    {"path", "error_type", "error", "product_id", "storefront_id", "le", "version", "work"}
)

# Label -> the values it can have, None: any.
Labels = dict[str, "frozenset[str] | None"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A PromQL text and where it stands."""

    file: Path
    line: int
    owner: str
    text: str
    labels: tuple[str, ...] = ()
    record: str = ""


@dataclass(slots=True)
class Check:
    """What was looked at, and what is wrong."""

    known: dict[str, Labels]
    ours: frozenset[str]
    names: int = 0
    labels: int = 0
    values: int = 0
    findings: list[str] = field(default_factory=list)
    suggests: bool = True
    """Whether findings name the nearest name that there is: slow where there are thousands of findings."""


def own() -> dict[str, Labels]:
    """Every series name of the service and of the operator."""
    metrics = Metrics(
        {policy.path: policy.statuses for policy in POLICIES.values()},
        limited=[(policy.path, kind) for policy in POLICIES.values() for kind in ("ip", "user_id")],
    )
    found = _families(metrics.registry) | _families(OperatorMetrics().registry)
    codes = frozenset(code.name for code in grpc.StatusCode)
    found["listings_grpc_requests_total"]["status"] = codes
    found["listings_http_requests_total"]["status"] = frozenset(str(int(status)) for status in HTTPStatus)
    found["listings_cache_server_up"]["server"] = frozenset(BusMetrics.SERVERS)
    files = (ROOT / "service" / "listings" / "db" / "sql").glob("*.sql")
    named = frozenset(each.name for file in files for each in statements(file.stem).values())
    for name, labels in found.items():
        if name.startswith("listings_db_") and "operation" in labels:
            labels["operation"] = named
        if name.startswith("listings_operator_"):
            labels.update({label: values or None for label, values in labels.items()})
    return found


def _families(registry: CollectorRegistry) -> dict[str, Labels]:
    """Series names with the labels that exist from the start and the values that were made for them."""
    found: dict[str, Labels] = {}
    collectors = registry._names_to_collectors  # noqa: SLF001 - labels of families without a series stand nowhere else
    declared = {name: getattr(each, "_labelnames", ()) for name, each in collectors.items()}
    for family in registry.collect():
        values: dict[str, set[str]] = {label: set() for label in declared.get(family.name, ())}
        for sample in family.samples:
            for label, value in sample.labels.items():
                values.setdefault(label, set()).add(value)
        labels: Labels = {
            label: None if label in OPEN or not seen else frozenset(seen) for label, seen in values.items()
        }
        for suffix in SUFFIXES.get(family.type, ("",)):
            found[family.name + suffix] = {label: seen for label, seen in labels.items() if label != "le"}
            if suffix == "_bucket":
                found[family.name + suffix]["le"] = None
    return found


@cache
def foreign() -> dict[str, Labels]:
    """What exporters were seen to export."""
    return {
        metric: {label: None if values is None else frozenset(values) for label, values in labels.items()}
        for metrics in json.loads(RECORDED.read_text()).values()
        for metric, labels in metrics.items()
    }


def expressions(file: Path) -> list[Expression]:
    """Every expression of a rule file or a dashboard."""
    text = file.read_text()
    if file.suffix == ".json":
        return list(_panels(file, text, json.loads(text)))
    return list(_rules(file, text))


def _rules(file: Path, text: str) -> list[Expression]:
    lines = {
        value.value: key.start_mark.line + 1
        for node in _mappings(yaml.compose(text, yaml.CSafeLoader))
        for key, value in node.value
        if key.value in {"alert", "record"}
    }
    return [
        Expression(
            file,
            lines[rule.get("alert") or rule["record"]],
            rule.get("alert") or rule["record"],
            rule["expr"],
            tuple(rule.get("labels", {})),
            rule.get("record", ""),
        )
        for group in yaml.load(text, yaml.CSafeLoader)["groups"]
        for rule in group["rules"]
    ]


def _mappings(node: Any) -> list[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        return [node, *(each for _, value in node.value for each in _mappings(value))]
    return (
        [each for item in node.value for each in _mappings(item)]
        if isinstance(node, yaml.SequenceNode)
        else []
    )


def _panels(file: Path, text: str, board: dict[str, Any]) -> list[Expression]:
    found = []
    for panel in board["panels"]:
        title = panel.get("title", "")
        line = _line(text.splitlines(), json.dumps(title), 1)
        found += [Expression(file, line, title, _plain(each["expr"])) for each in panel.get("targets", [])]
    return found


def _plain(expression: str) -> str:
    """Grafana's variables for times as a time; those in matchers stay, they are no literals."""
    return re.sub(r"\$(__range|__rate_interval|__interval|interval)\b", "5m", expression)


def _line(lines: list[str], word: str, start: int) -> int:
    """The line that holds a word, from `start` on."""
    for number, line in enumerate(lines[start - 1 :], start):
        if word in line:
            return number
    return start


def check(files: list[Path], known: dict[str, Labels] | None = None) -> Check:
    """Look at every expression of these files; names of rules in any of them are known to all."""
    return examine([each for file in files for each in expressions(file)], own() if known is None else known)


def examine(todo: list[Expression], ours: dict[str, Labels]) -> Check:
    """Look at expressions, with these series as our own."""
    result = Check({**foreign(), **BUILT_IN, **ours}, frozenset(ours))
    # A rule may use a rule of a later file: recorded labels settle in a few rounds.
    for each in todo:
        if each.record:
            result.known.setdefault(each.record, dict.fromkeys((*TARGET, *each.labels)))
    for each in todo:
        if each.record:
            labels = _labels(parsed(each.text), result.known)
            result.known[each.record] = {**labels, **dict.fromkeys(each.labels)}
    for each in todo:
        _look(each, parsed(each.text), result)
    return result


parsed = cache(promql.parse)


def _look(place: Expression, node: Any, result: Check) -> None:
    """Check a node of an expression and everything below it."""
    if isinstance(node, promql.VectorSelector):
        _selector(place, node, result)
        return
    for child in _children(node):
        _look(place, child, result)
    if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
        _exist(place, node.modifier.labels, _labels(node.expr, result.known), result)
    if (
        isinstance(node, promql.BinaryExpr)
        and node.modifier is not None
        and node.modifier.matching is not None
    ):
        for side in (node.lhs, node.rhs):
            _exist(place, node.modifier.matching.labels, _labels(side, result.known), result)


def _selector(place: Expression, node: Any, result: Check) -> None:
    result.names += 1
    labels = result.known.get(node.name)
    if labels is None:
        _tell(place, node.name, f"no such metric: {node.name}", node.name, result.known, result)
        return
    jobs = [matcher.value for matcher in node.matchers.matchers if matcher.name == "job"]
    if OURS.intersection(jobs) and node.name in foreign() and node.name not in result.ours:
        _tell(place, node.name, f"{node.name} is none of ours", node.name, result.ours, result)
    if node.name in result.ours and node.name.startswith("listings_") and not jobs:
        result.findings.append(f"{_where(place, node.name)}: {node.name} is selected without its job")
    for matcher in node.matchers.matchers:
        result.labels += 1
        if matcher.name not in labels and matcher.name not in TARGET:
            message = f"{node.name} has no label {matcher.name}"
            _tell(place, matcher.name, message, matcher.name, [*labels, *TARGET], result)
            continue
        allowed = JOBS if matcher.name == "job" else labels.get(matcher.name)
        if allowed is None or "$" in matcher.value:
            continue
        is_regex = matcher.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)
        for value in alternatives(matcher.value) if is_regex else [matcher.value]:
            result.values += 1
            if not any(re.fullmatch(value, each) if is_regex else value == each for each in allowed):
                message = f"{node.name}: label {matcher.name} is never {value!r}"
                _tell(place, value, message, value, allowed, result)


def alternatives(pattern: str) -> list[str]:
    """`a(b|c)` as `ab` and `ac`, `a|b` as `a` and `b`: each must match something by itself."""
    grouped = re.fullmatch(r"([^|()]*)\(([^()]*)\)([^|()]*)", pattern)
    if grouped:
        before, inner, after = grouped.groups()
        return [f"{before}{each}{after}" for each in inner.split("|")]
    return pattern.split("|")


def _exist(place: Expression, names: list[str], labels: Labels, result: Check) -> None:
    for name in names:
        result.labels += 1
        if name not in labels and name not in TARGET:
            _tell(place, name, f"there is no label {name} to group by", name, [*labels, *TARGET], result)


def _labels(node: Any, known: dict[str, Labels]) -> Labels:
    """The labels that an expression's answer can have."""
    if isinstance(node, promql.VectorSelector):
        return {**dict.fromkeys(TARGET), **known.get(node.name, {})}
    if isinstance(node, promql.AggregateExpr):
        inner = _labels(node.expr, known)
        if node.modifier is None:
            return {}
        named = set(node.modifier.labels)
        if node.modifier.type == promql.AggModifierType.By:
            return {label: values for label, values in inner.items() if label in named}
        return {label: values for label, values in inner.items() if label not in named}
    merged: Labels = {}
    for child in _children(node):
        merged.update(_labels(child, known))
    if isinstance(node, promql.Call):
        texts = [each.val for each in node.args if isinstance(each, promql.StringLiteral)]
        if node.func.name in {"label_replace", "label_join"} and texts:
            merged[texts[0]] = None
        if node.func.name == "histogram_quantile":
            merged.pop("le", None)
    return merged


def _children(node: Any) -> list[Any]:
    if isinstance(node, promql.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, promql.Call):
        return list(node.args)
    if isinstance(node, promql.MatrixSelector):
        return [node.vector_selector]
    if isinstance(node, promql.AggregateExpr):
        return [each for each in (node.expr, node.param) if each is not None]
    inner = getattr(node, "expr", None)
    return [] if inner is None else [inner]


def _tell(place: Expression, word: str, message: str, wanted: str, existing: Any, result: Check) -> None:
    near = difflib.get_close_matches(wanted, sorted(existing), n=1, cutoff=0.5) if result.suggests else []
    hint = f"; the nearest is {near[0]}" if near else ""
    result.findings.append(f"{_where(place, word)}: {place.owner}: {message}{hint}")


def _where(place: Expression, word: str) -> str:
    line = _line(place.file.read_text().splitlines(), word, place.line)
    shown = place.file.relative_to(ROOT) if place.file.is_relative_to(ROOT) else place.file
    return f"{shown}:{line}"


def everything() -> list[Path]:
    """All files that carry expressions."""
    return [*sorted((ROOT / "alerts").glob("*.yaml")), *sorted((ROOT / "dashboards").glob("*.json"))]


def main(arguments: list[str]) -> int:
    """Check, and say what was checked."""
    result = check([Path(each).resolve() for each in arguments] or everything())
    for finding in result.findings:
        print(finding)
    print(
        f"{result.names} metrics, {result.labels} labels and {result.values} label values checked,"
        f" {len(result.findings)} dead"
    )
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
