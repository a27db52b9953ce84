"""What pages tell somebody to run at night shows everything, and in the namespace that is meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "charts").rglob("NOTES.txt")),
]
RUNBOOKS = [page for page in PAGES if page.parent.name == "runbooks"]


def kubectl(page: Path) -> list[str]:
    """The commands of a page, whole lines in blocks and what stands in backticks; pipes end them."""
    return re.findall(r"kubectl (?=-|[a-z])[^\n|`]*", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_logs_of_several_pods_are_not_cut_to_ten_lines(page):
    for command in kubectl(page):
        if re.search(r" logs .*(-l|--selector)\b", command):
            assert "--tail=" in command, f"kubectl shows 10 lines of each pod without --tail: {command}"
            assert "--since=" not in command or "--tail=-1" in command, command


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_says_which_namespace(page):
    for command in kubectl(page):
        assert re.match(r'kubectl (-n "\$NAMESPACE" |(get|describe) ld -A\b)', command), command


def test_the_runbooks_say_where_their_variables_come_from():
    told = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    for page in RUNBOOKS:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            for name in re.findall(r"\$\{?([A-Z_]+)", block):
                assert f"{name}=" in told, f"{page.name} needs {name}"
                assert page.stem == "README" or "[README](README.md)" in page.read_text(), page.name
