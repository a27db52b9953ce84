"""Count what the operator's promises are held by: rules of the schema, properties of decisions, tests of the charts.

`make operator-counts` prints it. Nothing runs: tests are collected, and the schema is rendered.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from listings_operator.crd import custom_resource_definition
from listings_operator.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
SCHEMA_RULES: Final = "tests/integration/operator/test_schema_rules.py"
PROPERTIES: Final = "tests/unit/listings_operator/test_decide_properties.py"


def collected(*arguments: str) -> list[str]:
    """The ids of the tests that pytest finds."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-cov", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def rules(schema: Any) -> Iterator[str]:
    """Every CEL rule in a schema, as often as it stands there."""
    if isinstance(schema, dict):
        for rule in schema.get("x-kubernetes-validations", ()):
            yield rule["rule"]
        for part in schema.values():
            yield from rules(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from rules(part)


def main() -> None:
    """Print the counts."""
    found = list(rules(custom_resource_definition()))
    pairs = [
        line
        for line in collected(SCHEMA_RULES)
        if any(name in line for name in ("right_is_accepted", "what_may_not_change", "names_that_no_service"))
    ]
    machine = (ROOT / PROPERTIES).read_text()
    print(f"CEL rules in the schema: {len(found)} ({len(set(found))} different)")
    print(f"accepted and refused pairs, on a real API server: {len(pairs)}")
    print(
        f"property tests of decisions and builders: {len(collected('-m', 'hypothesis', 'tests/unit/listings_operator'))}"
    )
    print(
        f"  of these one machine of {machine.count('@rule(')} rules, {machine.count('@invariant()')} invariants"
    )
    print(f"chart tests: {len(collected('tests/unit/charts'))}")
    print(f"unit tests of the operator: {len(collected('tests/unit/listings_operator'))}")
    print(f"tests against a real API server: {len(collected('tests/integration/operator'))}")
    print(f"documented reasons: {len(Reason)}, {sum(reason.is_trouble for reason in Reason)} with a remedy")


if __name__ == "__main__":
    main()
