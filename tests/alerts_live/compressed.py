"""The one transformation that lets alerts fire in seconds: hours of alerts/ become minutes.

Every duration that Prometheus or Alertmanager knows as one is divided by FACTOR: `for`, `keep_firing_for`, ranges
(`[5m]`), `offset`, Alertmanager's waits. Rules are evaluated and targets scraped every SCRAPE_SECONDS, and no range
is shorter than four scrapes, since a rate needs two samples and a busy machine misses one. What outlives the ranges
does so here too.

Everything else stays as it is shipped: expressions, thresholds (also those in seconds of latency, lag or age),
guards against little traffic (`> 20` calls), labels, annotations, routes, grouping and inhibition. One threshold is
there to be set to what a pod carries, HighRequestRate's: a machine that runs all parts at once carries CAPACITY.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from pathlib import Path

FACTOR: Final = 60
SCRAPE_SECONDS: Final = 2
CAPACITY: Final = 200
SHORTEST_RANGE_SECONDS: Final = 4 * SCRAPE_SECONDS
_OUTLIVING_SECONDS: Final = SHORTEST_RANGE_SECONDS + 2 * SCRAPE_SECONDS

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RANGE: Final = re.compile(r"\[(\d+[smhd])\]")
_OFFSET: Final = re.compile(r"\boffset (\d+[smhd])\b")


def seconds(duration: str) -> int:
    """`5m` as 300."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def shortened(duration: str, *, least: float = 0) -> str:
    """A duration divided by FACTOR, in milliseconds."""
    return f"{round(max(seconds(duration) / FACTOR, least) * 1000)}ms"


def rules(file: Path) -> dict[str, Any]:
    """A file of alerts/, transformed."""
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    for group in content["groups"]:
        group["interval"] = f"{SCRAPE_SECONDS}s"
        for rule in group["rules"]:
            rule["expr"] = expression(rule["expr"])
            if rule.get("alert") == "HighRequestRate":
                assert rule["expr"].count("> 1000") == 1
                rule["expr"] = rule["expr"].replace("> 1000", f"> {CAPACITY}")
            if "for" in rule:
                rule["for"] = shortened(rule["for"])
            if "keep_firing_for" in rule:
                rule["keep_firing_for"] = shortened(rule["keep_firing_for"], least=_OUTLIVING_SECONDS)
    return content


def expression(text: str) -> str:
    """A PromQL text, transformed."""
    text = _RANGE.sub(lambda found: f"[{shortened(found[1], least=SHORTEST_RANGE_SECONDS)}]", text)
    return _OFFSET.sub(lambda found: f"offset {shortened(found[1])}", text)


def alertmanager(file: Path, webhook: str) -> dict[str, Any]:
    """An Alertmanager configuration with the same routes, whose receivers are paths of a webhook."""
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    config["global"] = {"resolve_timeout": shortened(config["global"]["resolve_timeout"], least=15)}
    for route in (config["route"], *config["route"]["routes"]):
        for wait in {"group_wait", "group_interval", "repeat_interval"} & route.keys():
            route[wait] = shortened(route[wait])
    config["receivers"] = [
        {
            "name": each["name"],
            "webhook_configs": [{"url": f"{webhook}/{each['name']}", "send_resolved": True}],
        }
        for each in config["receivers"]
    ]
    return config
