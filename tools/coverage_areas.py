"""Print the branch coverage of the last run with `--cov`, one line per area, and fail when one is below its bound.

`make coverage`, and so CI, ends with it. A run of some tests only is below every bound.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from coverage import Coverage
from coverage.exceptions import CoverageException

ROOT: Final = Path(__file__).resolve().parent.parent
_SERVICE: Final = "service/listings"
_LAYERS: Final = ("domain", "usecases", "db", "transport/grpc", "transport/render")


@dataclass(frozen=True, slots=True)
class Area:
    """Files that share a bound; `bound` is the least branch coverage in per cent."""

    name: str
    patterns: tuple[str, ...]
    bound: float

    def holds(self, path: str) -> bool:
        """Whether a file belongs to this area; a pattern that ends with a slash is a folder."""
        return any(
            path.startswith(pattern) if pattern.endswith("/") else PurePosixPath(path).match(pattern)
            for pattern in self.patterns
        )


def _modules(*names: str) -> tuple[str, ...]:
    """These modules in every layer that has them."""
    return tuple(f"{_SERVICE}/{layer}/{name}.py" for layer in _LAYERS for name in names)


AREAS: Final = (
    Area("service", (f"{_SERVICE}/",), 85),
    Area("products and variants", _modules("product*", "variants", "bulk", "listing_variants"), 90),
    Area("stock", _modules("stock*", "inventory"), 95),
    Area(
        "operator: builders, planner",
        (
            "operator/listings_operator/desired/",
            "operator/listings_operator/steps/",
            *(
                f"operator/listings_operator/{name}.py"
                for name in ("spec", "fields", "crd", "decide", "status", "ledger", "actions", "conditions")
            ),
        ),
        99,
    ),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """What a run covered of an area."""

    area: Area
    files: int
    branches: int
    covered: int

    @property
    def percent(self) -> float:
        """Covered branches; an area without branches misses none, one without files misses all."""
        if self.branches:
            return 100 * self.covered / self.branches
        return 100.0 if self.files else 0.0

    @property
    def is_enough(self) -> bool:
        """Whether the bound holds, of the number itself and not of the rounded one."""
        return self.percent >= self.area.bound


def figures(summaries: dict[str, dict[str, Any]]) -> list[Figure]:
    """The figure of every area, from each file's own summary."""
    found = []
    for area in AREAS:
        inside = [summary for path, summary in summaries.items() if area.holds(path)]
        branches = sum(summary["num_branches"] for summary in inside)
        covered = sum(summary["covered_branches"] for summary in inside)
        found.append(Figure(area, len(inside), branches, covered))
    return found


def table(found: list[Figure]) -> str:
    """The figures for people."""
    width = max(len(figure.area.name) for figure in found)
    lines = [f"{'area':{width}}  files  branches  branch coverage  bound"]
    lines += [
        f"{figure.area.name:{width}}  {figure.files:5}  {figure.branches:8}  {figure.percent:13.1f} %"
        f"  {figure.area.bound:3.0f} %{'' if figure.is_enough else '  <- below'}"
        for figure in found
    ]
    return "\n".join(lines)


def summaries_of_last_run() -> dict[str, dict[str, Any]]:
    """Each measured file's summary by its path in the repository. Raises CoverageException without a run."""
    measured = Coverage(config_file=str(ROOT / "pyproject.toml"), data_file=str(ROOT / ".coverage"))
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        measured.json_report(outfile=str(report))
        files = json.loads(report.read_text())["files"]
    return {path: file["summary"] for path, file in files.items()}


def main() -> int:
    """Print the table; fail when an area is below its bound."""
    try:
        found = figures(summaries_of_last_run())
    except CoverageException as error:
        print(f"no coverage to show, run `make coverage`: {error}", file=sys.stderr)
        return 1
    print(table(found))
    return int(not all(figure.is_enough for figure in found))


if __name__ == "__main__":
    sys.exit(main())
