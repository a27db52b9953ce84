"""Pages that are made from code say what the code says."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from providers.tokens import TABLE, table

from listings.client.methods import READS, AsyncMethods, SyncMethods
from listings.environment import KEYS, MEANINGLESS, RENAMED
from listings.transport.identity import REMEDIES
from listings.transport.policy import POLICIES
from listings.transport.table import declared_methods

if TYPE_CHECKING:
    from types import ModuleType

CHECKOUT = Path(__file__).parents[2]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(CHECKOUT / "tools"))  # as when it is run
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


@pytest.mark.parametrize(
    "path",
    [
        "docs/reference/access.md",
        "docs/reference/configuration.md",
        "docs/reference/cli.md",
        "docs/reference/limits.md",
        "docs/reference/custom-resource.md",
        "docs/reference/metrics.md",
        "docs/runbooks/README.md",
    ],
)
def test_page_follows_from_the_code(path: str):
    made: dict[Path, Any] = tool("reference").pages()

    assert (CHECKOUT / path).read_text() == made[Path(path)], "run `make docs`"


def test_page_about_tokens_shows_the_table_that_tests_hold_the_service_to():
    page = (CHECKOUT / "docs/reference/tokens.md").read_text()
    assert table() in page, f"the table of docs/reference/tokens.md should be\n{table()}"
    reasons = {row.reason for row in TABLE}
    assert reasons >= {*REMEDIES, "TOKEN_SIGNATURE", "TOKEN_INVALID"}


def test_old_names_are_known_once():
    assert not MEANINGLESS.keys() & KEYS.keys()
    assert not RENAMED.keys() & (KEYS.keys() | MEANINGLESS.keys())
    assert set(RENAMED.values()) <= KEYS.keys()


def test_client_has_every_method_and_repeats_reads_alone():
    assert {policy.method for policy in POLICIES.values() if not policy.writes} == READS
    for methods in (AsyncMethods, SyncMethods):
        named = {name.replace("_", "") for name in vars(methods)}
        assert {method.lower() for method in declared_methods()} <= named


@pytest.mark.parametrize(
    "page",
    [
        path.relative_to(CHECKOUT)
        for path in (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))
    ],
)
def test_links_lead_somewhere(page: Path):
    prose = re.sub(r"`[^`\n]*`|<code>.*?</code>", "", (CHECKOUT / page).read_text())
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        if "://" not in target:
            assert (CHECKOUT / page.parent / target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/how-to/run-locally.md"])
def test_make_targets_that_pages_name_exist(page: str):
    makefile = (CHECKOUT / "Makefile").read_text()
    for line in re.findall(r"`make ([a-z][a-z -]*)`", (CHECKOUT / page).read_text()):
        for target in line.split():
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page}: make {target}"
