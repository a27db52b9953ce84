"""Run by `make alerts-test`: promtool proves every rule, and nothing is left unproved.

Each alert fires in one case and is silent just under its limit in another; each recording rule has a value
test. Needs promtool (Debian's package `prometheus`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ALERTS = HERE.parents[1] / "alerts"
# A rule that must always fire cannot be silent.
ALWAYS = {"DeadMansSwitch"}


def rules() -> dict[str, list[dict[str, Any]]]:
    """All rules by file."""
    return {
        file.name: [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
        for file in sorted(ALERTS.glob("*.yaml"))
    }


def names_of_tests() -> list[str]:
    """What promtool is given to prove, by name."""
    return [
        test["name"]
        for file in sorted(HERE.glob("*_test.yaml"))
        for test in yaml.safe_load(file.read_text())["tests"]
    ]


def cases() -> Counter[tuple[str, str]]:
    """How many cases there are of each alert that `fires`, and that stays `silent`."""
    heads = (name.partition(": ")[0].rpartition(" ") for name in names_of_tests())
    return Counter((alert, kind) for alert, _, kind in heads)


def unproved() -> list[str]:
    """Alerts without a firing or a silent case, recording rules without a value."""
    names = names_of_tests()
    missing = []
    for rule in (rule for each in rules().values() for rule in each):
        if "record" in rule:
            missing += [f"{rule['record']}: no value"] * (rule["record"] not in names)
            continue
        for kind in ("fires",) if rule["alert"] in ALWAYS else ("fires", "silent"):
            if not cases()[rule["alert"], kind]:
                missing.append(f"{rule['alert']}: never {kind}")
    return missing


def promtool(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run every test file of a folder."""
    program = shutil.which("promtool")
    if program is None:
        sys.exit("promtool is missing: apt-get install prometheus")
    files = sorted(str(file) for file in folder.glob("*_test.yaml"))
    return subprocess.run([program, "test", "rules", *files], capture_output=True, text=True, check=False)


def main() -> int:
    """Prove, and say what was proved."""
    missing = unproved()
    result = promtool(HERE)
    print(result.stdout.strip())
    if result.returncode:
        print(result.stderr.strip())
    print(*missing, sep="\n", end="\n" if missing else "")
    found = [rule for each in rules().values() for rule in each]
    alerts = sum("alert" in rule for rule in found)
    print(f"{alerts} alerts, {len(found) - alerts} recording rules, {len(missing)} unproved")
    return 1 if missing or result.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
