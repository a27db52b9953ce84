"""Runners and long transactions that meet on one database wait, give way, or say who is in the way."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from listings.migrate import migrate_up
from listings.migrate.errors import LockHeld, LoginRefused, Unreachable
from listings.migrate.files import load
from listings.migrate.lock import lock_id
from listings.migrate.runner import Event, Options, Report, open_session

FILES = load()
IMPATIENT = Options(lock_wait_seconds=0, attempts=1)


async def _own_lock_id(connection: asyncpg.Connection) -> int:
    return lock_id(await connection.fetchval("SELECT current_database()"), "public")


async def test_two_runners_at_once_apply_each_file_once(empty_dsn: str, connection: asyncpg.Connection):
    reports = await asyncio.gather(*(migrate_up(empty_dsn) for _ in range(3)))

    assert sorted(len(report.steps) for report in reports) == [0, 0, len(FILES.migrations)]
    assert await connection.fetchval("SELECT count(*) FROM listings_migration_ledger") == len(
        FILES.migrations
    )


async def test_a_runner_that_may_not_wait_names_who_holds_the_lock(
    empty_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("SELECT pg_advisory_lock($1)", await _own_lock_id(connection))
    pid = connection.get_server_pid()

    with pytest.raises(LockHeld, match=f"pid {pid} "):
        await migrate_up(empty_dsn, options=IMPATIENT)


async def test_a_runner_waits_for_the_lock_and_says_so(empty_dsn: str, connection: asyncpg.Connection):
    number = await _own_lock_id(connection)
    await connection.execute("SELECT pg_advisory_lock($1)", number)
    waiting = asyncio.Event()

    def observe(event: Event) -> None:
        if event.kind == "waiting":
            waiting.set()

    run = asyncio.create_task(migrate_up(empty_dsn, options=Options(observe=observe)))
    await waiting.wait()
    await connection.execute("SELECT pg_advisory_unlock($1)", number)

    assert (await run).after == FILES.latest


async def test_the_lock_is_free_after_a_run_and_after_a_failed_one(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("UPDATE listings SET storefront_id = 1, sku = 'SAME' WHERE id IN (2, 4)")
    with pytest.raises(Exception, match="share a sku"):
        await migrate_up(baseline_dsn, options=IMPATIENT)
    await connection.execute("UPDATE listings SET sku = NULL")

    await migrate_up(baseline_dsn, options=IMPATIENT)
    await migrate_up(baseline_dsn, options=IMPATIENT)


async def test_a_table_that_stays_locked_stops_the_run_between_two_versions(
    baseline_dsn: str, connection: asyncpg.Connection
):
    async with connection.transaction():
        await connection.execute("SELECT FROM c2c_categories")
        with pytest.raises(LockHeld, match="000021"):
            await migrate_up(baseline_dsn, options=Options(lock_timeout_ms=50, attempts=1))

    assert await connection.fetchval("SELECT version FROM schema_migrations") == 20
    assert (
        await connection.fetchval("SELECT outcome FROM listings_migration_ledger ORDER BY id DESC")
        == "failed"
    )


async def test_a_table_that_is_locked_for_a_while_is_tried_again(
    baseline_dsn: str, connection: asyncpg.Connection
):
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT FROM c2c_categories")
    retried = asyncio.Event()

    def observe(event: Event) -> None:
        if event.kind == "retry":
            retried.set()

    run = asyncio.create_task(migrate_up(baseline_dsn, options=Options(lock_timeout_ms=50, observe=observe)))
    await retried.wait()
    await transaction.rollback()

    assert (await run).after == FILES.latest


async def test_a_session_that_waits_inside_the_lock_does_not_hang_a_concurrent_build(
    baseline_dsn: str, connection: asyncpg.Connection
):
    # Another tool waits with pg_advisory_lock, whose snapshot a concurrent build has to outwait, while we hold the lock.
    await migrate_up(baseline_dsn, target=28)
    number = await _own_lock_id(connection)
    waiter: list[asyncio.Task[str]] = []

    def observe(event: Event) -> None:
        if event.kind == "start" and not waiter:
            waiter.append(asyncio.create_task(connection.execute("SELECT pg_advisory_lock($1)", number)))

    (outcome,) = await asyncio.gather(
        migrate_up(baseline_dsn, options=Options(attempts=1, observe=observe)), return_exceptions=True
    )
    await asyncio.gather(*waiter, return_exceptions=True)
    await connection.execute("SELECT pg_advisory_unlock_all()")

    # PostgreSQL picks the victim. Either way one of the two is told, and nothing is left half done.
    assert isinstance(outcome, Report) or (isinstance(outcome, LockHeld) and "deadlock" in outcome.message)
    assert not await connection.fetchval("SELECT dirty FROM schema_migrations")
    assert (await migrate_up(baseline_dsn)).after == FILES.latest


async def test_a_server_that_is_not_there_is_named():
    with pytest.raises(Unreachable, match="cannot connect"):
        await migrate_up("postgresql://nobody@127.0.0.1:1/none")


async def test_a_login_that_is_refused_is_told_from_a_server_that_is_not_there(postgres):
    with pytest.raises(LoginRefused, match="there_is_none"):
        await migrate_up(postgres.dsn("there_is_none"))


async def test_a_session_that_ended_unnoticed_is_a_broken_connection(empty_dsn: str):
    with pytest.raises(Unreachable, match="broke"):
        async with open_session(empty_dsn):
            # What asyncpg says where PostgreSQL ended the session between two statements.
            raise asyncpg.InternalClientError(
                "cannot switch to state 15; another operation (2) is in progress"
            )


async def test_a_connection_lost_in_the_middle_says_to_run_again(baseline_dsn: str):
    async def end_runners() -> None:
        other = await asyncpg.connect(baseline_dsn)
        await other.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'listings-migrate'"
        )
        await other.close()

    def observe(event: Event) -> None:
        if event.version == 30 and event.kind == "start":
            aside.submit(asyncio.run, end_runners()).result()  # the run goes on when its session is gone

    with ThreadPoolExecutor(1) as aside, pytest.raises(Unreachable, match="broke"):
        await migrate_up(baseline_dsn, options=Options(observe=observe))

    assert (await migrate_up(baseline_dsn)).after == FILES.latest
