"""Look for what a security review finds first: unsafe calls, secrets in files, a careless Dockerfile.

    python tools/security.py

bandit reads the code; a finding is explained where ruff's excuse for the same rule, with its reason,
stands in its lines (ruff's S608 is bandit's B608). detect-secrets reads every file that git tracks;
what is an example is listed in .secrets.baseline, written anew by `make secrets-baseline` and looked at
in review. hadolint reads the Dockerfile. Known vulnerabilities of dependencies are `make audit`: that
asks a database on the internet.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
BIN: Final = Path(sys.executable).parent

CODE: Final = ("service", "operator", "tools")
GENERATED: Final = "service/listings/v1"
BASELINE: Final = ".secrets.baseline"
# Checksums of dependencies, thousands of them, all random.
LOCKS: Final = ("uv.lock", "package-lock.json", "go.sum")

# Rules that pyproject.toml excuses for whole folders, with the reasons there.
EVERYWHERE: Final = frozenset({"B101"})
PER_FOLDER: Final = {"tools": frozenset({"B603", "B607"}), "service/listings/demo": frozenset({"B311"})}
# `import subprocess` is no finding, its calls are (B603); any text under a name with "token" in it is taken for a
# password by B105, where ruff's S105, which nothing here is excused from, looks closer.
NOISE: Final = frozenset({"B404", "B105"})
# What detect-secrets-hook exits with when all is known and only stands on other lines than the list says.
MOVED: Final = 3

_EXCUSE: Final = re.compile(r"# noqa: ([A-Z0-9, ]+?) - ")


def main() -> int:
    """Run all three; exit 1 when one found something that nobody explained."""
    found = [*unsafe_calls(), *secrets(), *dockerfile()]
    for line in found:
        print(line)
    print(f"{len(found)} unexplained findings")
    return 1 if found else 0


def unsafe_calls() -> list[str]:
    """Findings of bandit without an excuse."""
    done = run("bandit", "--quiet", "--recursive", *CODE, "--exclude", GENERATED, "--format", "json")
    results = json.loads(done.stdout)["results"]
    unexplained = [result for result in results if not explained(result)]
    kinds = Counter(result["test_id"] for result in results if result not in unexplained)
    listed = ", ".join(f"{rule} {count}" for rule, count in sorted(kinds.items()))
    print(f"bandit: {len(results)} findings, {len(results) - len(unexplained)} explained ({listed})")
    return [
        f"{result['filename']}:{result['line_number']}: {result['test_id']} {result['issue_text']}"
        for result in unexplained
    ]


def explained(result: dict[str, Any]) -> bool:
    """Whether a reason is written down for this rule, here or for the whole folder."""
    rule, path = result["test_id"], Path(result["filename"])
    if rule in EVERYWHERE | NOISE:
        return True
    if any(rule in rules and path.is_relative_to(folder) for folder, rules in PER_FOLDER.items()):
        return True
    lines = (ROOT / path).read_text().splitlines()
    # A statement's excuse stands at its end, which bandit's range of lines may miss by the closing quotes.
    last = max(result["line_range"]) + 1
    excuses = ",".join(_EXCUSE.findall("\n".join(lines[result["line_number"] - 1 : last])))
    return rule.replace("B", "S", 1) in re.split(r"[, ]+", excuses)


def secrets() -> list[str]:
    """What looks like a secret and is not in the baseline."""
    files = [name for name in tracked() if not name.endswith((*LOCKS, BASELINE))]
    # A copy: the hook writes moved lines into the list itself, and a look changes nothing.
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(ROOT / BASELINE, folder)
        done = run("detect-secrets-hook", "--json", "--baseline", copy, *files, fine=(0, MOVED))
    known = json.loads((ROOT / BASELINE).read_text())["results"]
    print(f"detect-secrets: {len(files)} files, {sum(map(len, known.values()))} examples known")
    if done.returncode != 1:
        return []
    try:
        results = json.loads(done.stdout)["results"]
    except ValueError:
        return [done.stdout.strip() or done.stderr.strip()]
    return [
        f"{name}:{each['line_number']}: {each['type']}; an example? make secrets-baseline"
        for name, them in results.items()
        for each in them
    ]


def dockerfile() -> list[str]:
    """Findings of hadolint."""
    done = run("hadolint", "--format", "gnu", "Dockerfile")
    lines = [line.removeprefix("hadolint:") for line in done.stdout.splitlines() if line.strip()]
    print(f"hadolint: {len(lines)} findings")
    return lines


def tracked() -> list[str]:
    """Every file that git knows."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]


def run(program: str, *arguments: str, fine: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    """One of the tools of .venv; it exits with 1 when it finds something, and with one of `fine` when not."""
    done = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (1, *fine):
        raise SystemExit(f"{program} failed (exit {done.returncode}):\n{done.stdout}{done.stderr}")
    return done


if __name__ == "__main__":
    raise SystemExit(main())
