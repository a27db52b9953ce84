"""Records what foreign exporters really export, from their live pages, for the check of rules and panels.

    python tools/exporters.py node=http://127.0.0.1:9100/metrics postgres=http://127.0.0.1:9187/metrics ...

Writes tests/rules/exporters.json: exporter -> metric -> label -> the values seen, or null where they belong
to the machine (addresses, devices, versions) and say nothing about the next one. Exporters that are not
named keep what was recorded before; the same exporter may be named twice, its pages are added up.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

RECORDED = Path(__file__).parents[1] / "tests" / "rules" / "exporters.json"
# Labels whose values are a vocabulary of the exporter, and not of the machine it ran on.
CLOSED = {"mode", "state", "phase", "collector", "quantile", "le", "code"}


def main(arguments: list[str]) -> int:
    """Scrape, and write."""
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    seen: dict[str, dict[str, dict[str, set[str]]]] = {}
    for argument in arguments:
        exporter, _, url = argument.partition("=")
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - an address of the caller's own
            page = answer.read().decode()
        metrics = seen.setdefault(exporter, {})
        written = set(re.findall(r"^([a-zA-Z_:][\w:]*)", page, re.MULTILINE))
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                # The parser adds the ending that a counter ought to have; some exporters leave it out.
                name = sample.name if sample.name in written else sample.name.removesuffix("_total")
                labels = metrics.setdefault(name, {})
                for label, value in sample.labels.items():
                    labels.setdefault(label, set()).add(value)
    for exporter, metrics in seen.items():
        recorded[exporter] = {
            metric: {label: sorted(values) if label in CLOSED else None for label, values in labels.items()}
            for metric, labels in sorted(metrics.items())
        }
    RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")
    for exporter, metrics in sorted(recorded.items()):
        print(f"{exporter:<10} {len(metrics):>5} series names")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
