"""The folder of migration files is read completely or refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from listings.migrate.errors import BadFiles
from listings.migrate.files import STATEMENT_TIMEOUT_MS, load

if TYPE_CHECKING:
    from pathlib import Path


def _pair(folder: Path, name: str, text: str) -> Path:
    (folder / f"{name}.up.sql").write_text(text)
    (folder / f"{name}.down.sql").write_text("-- nothing\n")
    return folder


def test_our_own_files_start_with_the_baseline_and_have_no_gap():
    versions = [migration.version for migration in load().migrations]

    assert versions == list(range(20, 20 + len(versions)))


def test_our_own_files_say_why_and_what_they_lock():
    for migration in load().migrations:
        for script in (migration.up, migration.down):
            assert script.summary.endswith((".", ":")), script.path.name
            assert script.locks, script.path.name


def test_concurrent_statements_stand_outside_transactions_and_nothing_else_does():
    for migration in load().migrations:
        for script in (migration.up, migration.down):
            concurrent = any(
                word in statement
                for statement in script.statements
                for word in ("INDEX CONCURRENTLY", "COMMIT")
            )
            assert script.transactional is not concurrent, script.path.name


def test_directives_are_read_from_the_top(tmp_path: Path):
    text = "-- listings:no-transaction\n-- listings:statement-timeout 90s\n-- Why.\nSELECT 1;\n"
    script = load(_pair(tmp_path, "000001_a", text)).migrations[0].up

    assert (script.transactional, script.statement_timeout_ms) == (False, 90_000)


def test_without_directives_a_file_is_one_transaction_with_the_usual_limit(tmp_path: Path):
    script = load(_pair(tmp_path, "000001_a", "SELECT 1;\n")).migrations[0].up

    assert (script.transactional, script.statement_timeout_ms) == (True, STATEMENT_TIMEOUT_MS)


def test_versions_are_ordered_by_number_not_by_text(tmp_path: Path):
    for name in ("10_b", "9_a", "000011_c"):
        _pair(tmp_path, name, "SELECT 1;")

    assert [migration.name for migration in load(tmp_path).migrations] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no migration files"),
        ({"000001_a.up.sql": ""}, "no down file"),
        ({"000001_a.down.sql": ""}, "no up file"),
        ({"1_a.up.sql": "", "1_a.down.sql": "", "01_b.up.sql": ""}, "two files are version 1"),
        ({"1_a.up.sql": "", "1_b.down.sql": ""}, "two names"),
        ({"first.sql": ""}, "not named like a migration"),
        (
            {"1_a.up.sql": "-- listings:no-transaction\nSELECT 1; SELECT 2;", "1_a.down.sql": ""},
            "2 statements",
        ),
        ({"1_a.up.sql": "-- listings:no-transactions\n", "1_a.down.sql": ""}, "unknown directive"),
        ({"1_a.up.sql": "-- listings:statement-timeout soon\n", "1_a.down.sql": ""}, "not a time"),
    ],
)
def test_a_folder_that_cannot_be_trusted_is_refused(files: dict[str, str], words: str, tmp_path: Path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(BadFiles, match=words):
        load(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    (tmp_path / "1_a.up.sql").write_bytes(b"\xff\xfe")
    (tmp_path / "1_a.down.sql").write_text("")

    with pytest.raises(BadFiles, match="cannot read"):
        load(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(BadFiles, match="no migration folder"):
        load(tmp_path / "nowhere")
