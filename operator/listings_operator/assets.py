"""The rule files and dashboards of this release, read once at the start.

An installed package carries them; in a checkout they stand in `alerts/` and `dashboards/` at the root. What cannot be
used is a `Problem` of its own and takes nothing else with it. YAML is read with PyYAML's safe loader, and a key that
stands twice is refused: the second would silently win.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import promql_parser
import yaml

from listings_operator.observed import Problem
from listings_operator.vocabulary import Reason

_PACKAGE: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = _PACKAGE.parent.parent

# A ConfigMap holds 1 MiB with everything in it.
LARGEST_FILE: Final = 900_000


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file of Prometheus whose every expression parses."""

    name: str
    groups: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class DashboardFile:
    """A dashboard of Grafana, as its file is."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Assets:
    """Everything usable, and what is not."""

    rules: tuple[RuleFile, ...] = ()
    dashboards: tuple[DashboardFile, ...] = ()
    problems: tuple[Problem, ...] = ()


class Unusable(ValueError):
    """A file that its reader would refuse; the text says where and why."""


class DuplicateKey(yaml.constructor.ConstructorError):
    """A mapping says the same key twice."""


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, with duplicate keys refused."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    seen: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise DuplicateKey(
                "while reading a mapping",
                node.start_mark,
                f"the key {key!r} stands twice",
                key_node.start_mark,
            )
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(text: str) -> Any:
    """One YAML document; raises yaml.YAMLError, also for a key that stands twice."""
    # The loader is a SafeLoader: it makes plain data only.
    return yaml.load(text, _StrictLoader)  # noqa: S506 - see the line above


def folder(name: str) -> Path | None:
    """Where files of this kind are: in the installed package, else in the checkout, else nowhere."""
    for place in (_PACKAGE / "assets" / name, _CHECKOUT / name):
        if place.is_dir():
            return place
    return None


def load(alerts: Path | None = None, dashboards: Path | None = None) -> Assets:
    """Every file of both folders (default: those of this release); never raises for what a file holds."""
    alerts, dashboards = alerts or folder("alerts"), dashboards or folder("dashboards")
    rules: list[RuleFile] = []
    boards: list[DashboardFile] = []
    problems: list[Problem] = []
    for path in sorted([*alerts.glob("*.yaml"), *alerts.glob("*.yml")] if alerts else []):
        try:
            rules.append(RuleFile(path.stem, tuple(_groups(_text(path)))))
        except (ValueError, yaml.YAMLError) as error:
            problems.append(_problem(Reason.RULE_FILE_INVALID, path, error))
    for path in sorted(dashboards.glob("*.json") if dashboards else []):
        try:
            text = _text(path)
            if not isinstance(json.loads(text), dict):
                raise Unusable("a dashboard is one JSON object")
            boards.append(DashboardFile(path.stem, text))
        except ValueError as error:
            problems.append(_problem(Reason.DASHBOARD_INVALID, path, error))
    return Assets(tuple(rules), tuple(boards), tuple(problems))


def _text(path: Path) -> str:
    data = path.read_bytes()
    if len(data) > LARGEST_FILE:
        raise Unusable(f"{len(data)} bytes do not fit into one object; split the file below {LARGEST_FILE}")
    return data.decode()


def _groups(text: str) -> list[dict[str, Any]]:
    """The groups of a rule file; raises Unusable naming the first thing that Prometheus would refuse."""
    document = read_yaml(text)
    groups = document.get("groups") if isinstance(document, dict) else None
    if not isinstance(groups, list) or not groups:
        raise Unusable("a rule file is a mapping with a list of groups")
    for group in groups:
        if not isinstance(group, dict) or not isinstance(group.get("name"), str):
            raise Unusable("every group needs a name")
        if not isinstance(group.get("rules"), list):
            raise Unusable(f"group {group['name']}: needs a list of rules")
        for rule in group["rules"]:
            _check_rule(rule, group["name"])
    names = [group["name"] for group in groups]
    for name in names:
        if names.count(name) > 1:
            raise Unusable(f"group {name}: stands twice")
    return groups


def _check_rule(rule: Any, group: str) -> None:
    if not isinstance(rule, dict) or ("alert" in rule) == ("record" in rule):
        raise Unusable(f"group {group}: every rule says either alert or record")
    name = rule.get("alert", rule.get("record"))
    if not isinstance(rule.get("labels", {}), dict):
        raise Unusable(f"group {group}, rule {name}: labels are a mapping")
    if not isinstance(rule.get("expr"), str):
        raise Unusable(f"group {group}, rule {name}: expr is missing or not a text")
    try:
        promql_parser.parse(rule["expr"])
    except ValueError as error:
        raise Unusable(f"group {group}, rule {name}: {error}") from error


def _problem(reason: Reason, path: Path, error: Exception) -> Problem:
    return Problem(reason, f"{path.parent.name}/{path.name}: {' '.join(str(error).split())}")
