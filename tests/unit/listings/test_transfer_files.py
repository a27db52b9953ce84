"""Files that `listings import` and `listings export` cannot use: said without a traceback, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from listings.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture(autouse=True)
def _away(monkeypatch):
    monkeypatch.setenv("LISTINGS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--storefront", "1"])


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "chairs.ndjson"
    path.write_text("{}\n")
    return path


@pytest.mark.parametrize("alias", [False, True])
def test_the_errors_never_take_the_place_of_the_file_itself(file, tmp_path, alias):
    errors = file
    if alias:
        errors = tmp_path / "same.ndjson"
        errors.symlink_to(file)
    refused = run("import", file, "--errors", errors)
    assert refused.exit_code == 1
    assert "--errors" in refused.output
    assert file.read_text() == "{}\n"


def test_errors_that_cannot_be_written_are_said_so(file, tmp_path):
    refused = run("import", file, "--errors", tmp_path)
    assert refused.exit_code == 1
    assert str(tmp_path) in refused.output
    assert isinstance(refused.exception, SystemExit)


def test_a_folder_that_is_not_there_takes_no_export(tmp_path):
    refused = run("export", "--output", tmp_path / "nowhere/chairs.ndjson")
    assert refused.exit_code == 1
    assert "cannot be written" in refused.output
    assert isinstance(refused.exception, SystemExit)


def test_an_export_that_fails_leaves_the_earlier_one_and_nothing_beside_it(file):
    refused = run("export", "--output", file)
    assert refused.exit_code == 1
    assert "database" in refused.output
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.read_text() == "{}\n"
