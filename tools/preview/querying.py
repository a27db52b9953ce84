"""Asks a Prometheus what every panel of a dashboard asks, with Grafana's variables filled in.

Used by `make dashboards-preview`, which draws the answers, and by the proof that no panel stays empty under load.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

# As many points as a wide panel has pixels to tell apart.
MOST_POINTS: Final = 400
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class CannotAsk(Exception):
    """Prometheus did not answer, or refused a query; says which."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of an answer: its labels, its name as the legend has it, and (seconds, value) points."""

    labels: dict[str, str]
    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Answered:
    """A panel with the answers to its queries, in their order."""

    panel: dict[str, Any]
    answers: list[list[Series]]

    @property
    def title(self) -> str:
        """What the panel is called."""
        return str(self.panel["title"])

    @property
    def has_data(self) -> bool:
        """Whether any query was answered with anything."""
        return any(each.points for answer in self.answers for each in answer)

    @property
    def alive(self) -> bool:
        """Whether any sample is neither zero nor NaN: what a dead name can never give."""
        return any(
            value != 0 and value == value  # noqa: PLR0124 - NaN is not itself
            for answer in self.answers
            for each in answer
            for _, value in each.points
        )


class Prometheus:
    """A running server, asked about the last `seconds`."""

    def __init__(self, url: str, *, seconds: float) -> None:
        """Reads the server's scrape interval; raises CannotAsk where nobody answers."""
        self._url = url.rstrip("/")
        self.seconds = seconds
        self.now = time.time()
        config = self._get("status/config", {})["yaml"]
        found = re.search(r"^\s*scrape_interval: (\S+)", config, re.MULTILINE)
        self.scrape_seconds = seconds_of(found[1]) if found else 60.0
        self.step = max(seconds / MOST_POINTS, self.scrape_seconds)

    def ask(self, panel: dict[str, Any]) -> Answered:
        """Every query of a panel."""
        return Answered(panel, [self._ask(each) for each in panel.get("targets", [])])

    def _ask(self, target: dict[str, Any]) -> list[Series]:
        expression = self.filled(target["expr"])
        if target.get("instant"):
            data = self._get("query", {"query": expression, "time": self.now})
        else:
            # Whole steps, as Grafana has it: two looks draw the same curve.
            end = self.now // self.step * self.step
            span = {"start": end - self.seconds, "end": end, "step": self.step}
            data = self._get("query_range", {"query": expression, **span})
        if data["resultType"] == "scalar":
            when, value = data["result"]
            return [Series({}, named(target, {}, expression), [(when, float(value))])]
        return [
            Series(
                labels := {key: value for key, value in each["metric"].items() if key != "__name__"},
                named(target, labels, each["metric"].get("__name__", expression)),
                [(when, float(value)) for when, value in each.get("values", [each.get("value")])],
            )
            for each in data["result"]
        ]

    def filled(self, expression: str) -> str:
        """The expression with everything chosen, and times as Grafana reckons them."""
        rate = max(self.step + self.scrape_seconds, 4 * self.scrape_seconds)
        values = {
            "__rate_interval": f"{round(rate)}s",
            "__interval": f"{round(self.step)}s",
            "__range": f"{round(self.seconds)}s",
        }
        for name, value in values.items():
            expression = re.sub(rf"\${name}\b", value, expression)
        return re.sub(r"\$(namespace|service|instance)\b", ".*", expression)

    def _get(self, path: str, query: dict[str, Any]) -> Any:
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - an address of the caller's own
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            told = json.load(error).get("error", error.reason)
            raise CannotAsk(f"{query.get('query', path)}: {told}") from error
        except (OSError, ValueError) as error:
            raise CannotAsk(
                f"No Prometheus answers at {self._url} ({error}). Start one: make monitoring"
            ) from error


def seconds_of(duration: str) -> float:
    """Prometheus' and people's way to say a time (`1h30m`) in seconds; raises ValueError for anything else."""
    parts = re.findall(r"(\d+)(ms|[smhdw])", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is no duration; write 90s, 15m, 6h or 1h30m")
    return float(sum(int(number) * _UNITS[unit] for number, unit in parts))


def named(target: dict[str, Any], labels: dict[str, str], otherwise: str) -> str:
    """A series' name: the query's legend with the labels' values, else all labels, else what was asked."""
    legend = target.get("legendFormat", "")
    if legend:
        # A label that is not there leaves its braces empty, and no gap.
        text = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
        return " ".join(text.split())
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or otherwise
