"""`listings migrate` tells people and automation the same: words on one side, JSON and exit codes on the other."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from typer.testing import CliRunner

from listings.cli.migrate import app
from listings.migrate.errors import ExitCode
from listings.migrate.files import default_folder, load
from listings.migrate.lock import lock_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LATEST = load().latest


@pytest.fixture
def run(empty_dsn: str) -> Callable[..., tuple[int, Any]]:
    """Run a command with --json on the test's database; give exit code and answer."""

    def command(*arguments: str) -> tuple[int, Any]:
        result = CliRunner().invoke(app, [*arguments, "--database-url", empty_dsn, "--json"])
        return result.exit_code, json.loads(result.stdout) if result.stdout else None

    return command


@pytest.fixture
def execute(empty_dsn: str) -> Callable[[str], None]:
    """Run SQL on the test's database."""

    async def once(sql: str) -> None:
        session = await asyncpg.connect(empty_dsn)
        await session.execute(sql)
        await session.close()

    return lambda sql: asyncio.run(once(sql))


def test_up_then_status_plan_and_verify_are_content(run: Callable[..., tuple[int, Any]]):
    code, report = run("up")

    assert (code, report["ok"], report["before"], report["after"]) == (0, True, None, LATEST)
    assert run("up")[1]["steps"] == []
    assert run("status")[0] == ExitCode.OK
    assert run("plan") == (ExitCode.OK, {"version": LATEST, "target": LATEST, "files": []})
    code, found = run("verify")
    assert (code, found["ok"], found["problems"]) == (0, True, [])


def test_pending_files_are_exit_code_1(run: Callable[..., tuple[int, Any]]):
    run("up", "--to", "30")

    assert run("status")[0] == ExitCode.FINDINGS
    assert run("plan")[0] == ExitCode.FINDINGS
    assert run("verify")[0] == ExitCode.FINDINGS


def test_going_down_needs_yes(run: Callable[..., tuple[int, Any]]):
    run("up")

    assert run("down")[0] == ExitCode.USAGE
    assert run("goto", "20")[0] == ExitCode.USAGE
    assert run("status")[1]["version"] == LATEST
    assert run("down", "--yes")[1]["after"] == LATEST - 1
    assert run("goto", "20", "--yes")[1]["after"] == 20
    assert run("goto", str(LATEST))[1]["after"] == LATEST


def test_a_dirty_version_is_exit_code_3(run: Callable[..., tuple[int, Any]], execute: Callable[[str], None]):
    run("up", "--to", "30")
    execute("UPDATE schema_migrations SET dirty = true")

    code, answer = run("up")

    assert (code, answer["error"]["kind"], answer["error"]["version"]) == (ExitCode.DIRTY, "DirtyState", 30)
    assert "listings migrate force 30 --yes" in answer["error"]["remedy"]
    assert run("status")[0] == ExitCode.DIRTY
    assert run("force", "30")[0] == ExitCode.USAGE
    assert run("force", "30", "--yes")[0] == ExitCode.OK
    assert run("up")[0] == ExitCode.OK


def test_a_lock_that_stays_taken_is_exit_code_4(
    run: Callable[..., tuple[int, Any]], postgres_session: Callable[[str], None]
):
    postgres_session("SELECT pg_advisory_lock({lock})")

    code, answer = run("up", "--lock-wait", "0")

    assert (code, answer["error"]["kind"]) == (ExitCode.LOCKED, "LockHeld")


@pytest.fixture
def postgres_session(empty_dsn: str) -> Any:
    """Hold a session open for the test; `{lock}` in its SQL is this database's lock number."""
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(asyncpg.connect(empty_dsn))
    database = loop.run_until_complete(session.fetchval("SELECT current_database()"))
    yield lambda sql: loop.run_until_complete(session.execute(sql.format(lock=lock_id(database, "public"))))
    loop.run_until_complete(session.close())
    loop.close()


def test_a_statement_that_fails_is_exit_code_5(run: Callable[..., tuple[int, Any]], tmp_path: Path):
    folder = shutil.copytree(default_folder(), tmp_path / "files")
    (folder / f"{LATEST + 1:06d}_broken.up.sql").write_text("SELECT 1 / 0;")
    (folder / f"{LATEST + 1:06d}_broken.down.sql").write_text("")

    code, answer = run("up", "--migrations", str(folder))

    assert (code, answer["error"]["version"]) == (ExitCode.STATEMENT_FAILED, LATEST + 1)


def test_no_server_is_exit_code_6():
    result = CliRunner().invoke(app, ["status", "--database-url", "postgresql://nobody@127.0.0.1:1/none"])

    assert result.exit_code == ExitCode.UNREACHABLE


def test_no_files_are_exit_code_7(run: Callable[..., tuple[int, Any]], tmp_path: Path):
    assert run("up", "--migrations", str(tmp_path))[0] == ExitCode.BAD_FILES


def test_a_strange_database_is_exit_code_8(
    run: Callable[..., tuple[int, Any]], execute: Callable[[str], None]
):
    execute("CREATE TABLE someone_elses (id integer)")

    assert run("up")[0] == ExitCode.UNKNOWN_STATE


def test_people_read_words_on_standard_error_and_the_result_on_standard_output(empty_dsn: str):
    up = CliRunner().invoke(app, ["up", "--database-url", empty_dsn])
    status = CliRunner().invoke(app, ["status", "--database-url", empty_dsn])
    refused = CliRunner().invoke(app, ["down", "--database-url", empty_dsn])

    assert up.stdout.startswith(f"The schema went from version none to {LATEST}")
    assert "up 000020 baseline" in up.stderr
    assert f"At version {LATEST}, the files end at {LATEST}: 0 pending." in status.stdout
    assert "needs --yes" in refused.stderr


def test_plan_reads_well(empty_dsn: str):
    plan = CliRunner().invoke(app, ["plan", "--to", "21", "--database-url", empty_dsn])

    assert "000020 baseline up" in plan.stdout
    assert "  locks: creates new objects only" in plan.stdout
