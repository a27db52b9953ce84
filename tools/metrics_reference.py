"""docs/reference/metrics.md: every metric that the service and the operator export, with labels and their values.

What stands there is a promise to people's own rules and dashboards: a name, a label or a value that changes changes the
page, and that is noticed by the test that compares it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import rules

from listings.metrics import Metrics
from listings_operator.metrics import Metrics as OperatorMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry

# More values than this are listed once, below the tables.
MOST_IN_A_CELL: Final = 6


def page(made: str, exported: dict[str, rules.Labels] | None = None) -> Iterator[str]:
    """The page's lines; `exported` are the series names with their labels."""
    exported = rules.own() if exported is None else exported
    yield made
    yield ""
    yield "# Metrics"
    yield ""
    yield (
        "What `/metrics` shows beside the `process_` and `python_` families of the Python client. Labels that Prometheus"
        " adds (`job`, `instance`, `namespace`, `service`, `pod`) are not named; a histogram has `_bucket`, `_sum` and"
        " `_count`; _any_ is a value that is not known beforehand."
    )
    yield ""
    yield (
        "Series are there at zero from the start, where their labels are known then. Those of statements, of HTTP requests"
        " and of statuses that a method does not document appear when they first happen."
    )
    lists: dict[tuple[str, frozenset[str]], str] = {}
    for heading, told in _families().items():
        yield ""
        yield f"## {heading}"
        yield ""
        yield "| Metric | Type | Labels | Meaning |"
        yield "|---|---|---|---|"
        for name, (kind, text) in sorted(told.items()):
            if name in exported and name.startswith("listings_"):
                shown = name.removesuffix("_bucket")
                yield f"| `{shown}` | {kind} | {_labels(exported[name], lists)} | {text} |"
    yield ""
    yield "## Values"
    for (label, values), title in lists.items():
        yield ""
        yield f"### {title}"
        yield ""
        yield f"Of `{label}`: {', '.join(f'`{value}`' for value in sorted(values))}."


@cache
def _families() -> dict[str, dict[str, tuple[str, str]]]:
    """Type and help of each series name that stands for a family, by who exports it."""
    return {"The service": _told(Metrics({}).registry), "The operator": _told(OperatorMetrics().registry)}


def _told(registry: CollectorRegistry) -> dict[str, tuple[str, str]]:
    found = {}
    for family in registry.collect():
        suffix = {"counter": "_total", "histogram": "_bucket", "info": "_info"}.get(family.type, "")
        found[family.name + suffix] = (family.type, family.documentation.replace("|", "&#124;"))
    return found


def _labels(labels: rules.Labels, lists: dict[tuple[str, frozenset[str]], str]) -> str:
    return "; ".join(
        _label(label, values, lists) for label, values in sorted(labels.items()) if label != "le"
    )


def _label(label: str, values: frozenset[str] | None, lists: dict[tuple[str, frozenset[str]], str]) -> str:
    if values is None:
        return f"`{label}`: _any_"
    if len(values) <= MOST_IN_A_CELL:
        return f"`{label}`: {', '.join(f'`{value}`' for value in sorted(values))}"
    key = (label, values)
    if key not in lists:
        alike = sum(known == label for known, _ in lists)
        lists[key] = f"{label.capitalize().replace('_', ' ')}{f' {alike + 1}' if alike else ''}"
    title = lists[key]
    return f"`{label}`: [{len(values)} values](#{title.lower().replace(' ', '-')})"
