"""The schema's earlier tool and ours continue each other's work, and exclude each other while they work.

These are tests of the real program: they run where it is found, and in the long proofs also where Go can build it.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import asyncpg
import pytest
from providers import golang_migrate
from providers.schema import catalog, difference

from listings.migrate import goto, migrate_up
from listings.migrate.errors import DirtyState, LockHeld
from listings.migrate.files import default_folder, load
from listings.migrate.plan import read_status
from listings.migrate.runner import Options, Report, force
from listings.migrate.verify import verify

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

FILES = load()


@pytest.fixture(scope="session")
def program() -> Path:
    """Find golang-migrate's command line."""
    found = golang_migrate.find(build=os.environ.get("LISTINGS_PROVE") == "1")
    if found is None:
        pytest.skip("no golang-migrate: put it on PATH, or let `make prove-service` build it with Go")
    return found


@pytest.fixture
def theirs(program: Path, empty_dsn: str) -> golang_migrate.GolangMigrate:
    """Give the other tool on the test's empty database."""
    return golang_migrate.GolangMigrate(program, empty_dsn, default_folder())


def _went_well(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stderr
    return run.stderr


async def _schema(connection: asyncpg.Connection) -> list[str]:
    """Return the catalog without the ledger, which the other tool does not know."""
    return [line for line in await catalog(connection) if "listings_migration_ledger" not in line]


async def test_both_build_the_same_schema(
    theirs: golang_migrate.GolangMigrate, connection: asyncpg.Connection, new_database: Callable[..., str]
):
    _went_well(theirs.run("up"))

    ours = await asyncpg.connect(new_database())
    try:
        assert difference(await _schema(ours), await _schema(connection)) == []
    finally:
        await ours.close()


async def test_ours_takes_over_what_theirs_has_built(theirs: golang_migrate.GolangMigrate, empty_dsn: str):
    _went_well(theirs.run("up"))

    report = await migrate_up(empty_dsn)

    assert (report.before, report.after, report.steps) == (FILES.latest, FILES.latest, ())
    assert (await verify(empty_dsn)).problems == ()


async def test_ours_goes_on_where_theirs_stopped(theirs: golang_migrate.GolangMigrate, empty_dsn: str):
    _went_well(theirs.run("goto", "30"))  # the last of a few files that run outside a transaction

    report = await migrate_up(empty_dsn)

    assert (report.before, report.steps[0].version, report.after) == (30, 31, FILES.latest)
    assert (await verify(empty_dsn)).problems == ()


async def test_theirs_goes_on_where_ours_stopped(theirs: golang_migrate.GolangMigrate, empty_dsn: str):
    await goto(empty_dsn, target=30)

    _went_well(theirs.run("up"))

    assert theirs.run("version").stderr.strip() == str(FILES.latest)
    kinds = {(problem.kind, problem.subject) for problem in (await verify(empty_dsn)).problems}
    assert kinds == {("unrecorded", f"30 to {FILES.latest}")}  # it happened, and not through this runner
    await migrate_up(empty_dsn)
    assert (await verify(empty_dsn)).problems == ()
    assert {version.state for version in (await read_status(empty_dsn)).versions} == {"applied"}


async def test_ours_redoes_what_theirs_has_undone(theirs: golang_migrate.GolangMigrate, empty_dsn: str):
    await migrate_up(empty_dsn)
    _went_well(theirs.run("down", "4"))

    report = await migrate_up(empty_dsn)

    assert [step.version for step in report.steps] == [m.version for m in FILES.migrations[-4:]]
    assert (await verify(empty_dsn)).problems == ()


async def test_theirs_undoes_what_ours_has_built(
    theirs: golang_migrate.GolangMigrate, empty_dsn: str, connection: asyncpg.Connection
):
    await goto(empty_dsn, target=20)
    before = await _schema(connection)
    await migrate_up(empty_dsn)

    _went_well(theirs.run("goto", "20"))

    assert difference(before, await _schema(connection)) == []


async def test_a_file_that_broke_under_theirs_is_refused_by_ours_until_it_is_declared(
    theirs: golang_migrate.GolangMigrate, baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("UPDATE b2c_product_variants SET is_default = true")
    assert "more than one default variant" in theirs.run("up").stderr

    with pytest.raises(DirtyState, match="version 21 is marked dirty"):
        await migrate_up(baseline_dsn)

    await connection.execute("UPDATE b2c_product_variants SET is_default = false")
    await force(baseline_dsn, version=20)
    assert (await migrate_up(baseline_dsn)).after == FILES.latest


async def test_theirs_waits_while_ours_works(
    theirs: golang_migrate.GolangMigrate, baseline_dsn: str, connection: asyncpg.Connection
):
    async with connection.transaction():
        await connection.execute("LOCK TABLE c2c_categories")  # 000021 renames it, and so has to wait
        # Up to the last file before one that builds an index concurrently, which a waiting session stands in the way of.
        ours = asyncio.create_task(
            migrate_up(baseline_dsn, target=28, options=Options(lock_timeout_ms=60_000))
        )
        await _lock_of(baseline_dsn, granted=True)
        running = theirs.start("up")
        try:
            await _lock_of(baseline_dsn, granted=False)
        except BaseException:
            running.kill()
            raise
    report, (output, _) = await asyncio.gather(ours, asyncio.to_thread(running.communicate))

    assert report.after == 28
    assert running.returncode == 0, output
    assert "29/u" in output
    assert "28/u" not in output


async def test_an_index_build_of_ours_gets_past_theirs_that_waits(
    theirs: golang_migrate.GolangMigrate, baseline_dsn: str, connection: asyncpg.Connection
):
    async with connection.transaction():
        await connection.execute("LOCK TABLE c2c_categories")
        ours = asyncio.create_task(migrate_up(baseline_dsn, options=Options(lock_timeout_ms=60_000)))
        await _lock_of(baseline_dsn, granted=True)
        waiting = theirs.start("up")
        try:
            await _lock_of(baseline_dsn, granted=False)
        except BaseException:
            waiting.kill()
            raise
    # The build waits for the other's snapshot, the other for our lock: PostgreSQL ends one of the two.
    (outcome,), _ = await asyncio.gather(
        asyncio.gather(ours, return_exceptions=True), asyncio.to_thread(waiting.communicate)
    )

    assert isinstance(outcome, Report) or (isinstance(outcome, LockHeld) and "deadlock" in outcome.message)
    assert (await migrate_up(baseline_dsn)).after == FILES.latest
    _went_well(theirs.run("up"))


async def test_ours_names_theirs_while_it_works(
    theirs: golang_migrate.GolangMigrate, baseline_dsn: str, connection: asyncpg.Connection
):
    async with connection.transaction():
        await connection.execute("LOCK TABLE c2c_categories")
        running = theirs.start("up")
        try:
            holder = await _lock_of(baseline_dsn, granted=True)
            with pytest.raises(LockHeld, match=f"pid {holder} "):
                await migrate_up(baseline_dsn, options=Options(lock_wait_seconds=0))
        except BaseException:
            running.kill()
            raise
    output, _ = await asyncio.to_thread(running.communicate)

    assert running.returncode == 0, output
    assert (await migrate_up(baseline_dsn)).steps == ()


async def _lock_of(dsn: str, *, granted: bool) -> int:
    """Wait until somebody holds an advisory lock, or waits for one; the process id of the session."""
    session = await asyncpg.connect(dsn)
    try:
        while True:
            pid = await session.fetchval(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted = $1 "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                granted,
            )
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0)
    finally:
        await session.close()
