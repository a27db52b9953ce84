"""Sessions: bounded, fair, and back by themselves after PostgreSQL was away."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from listings.db.connections import Connections
from listings.db.statements import Statement
from listings.domain.errors import Aborted, AlreadyExists, DeadlineExceeded, Unavailable
from listings.metrics import Metrics
from listings.settings import DatabaseSettings

ONE = Statement("test.one", "SELECT 1")
SLEEP = Statement("test.sleep", "SELECT pg_sleep($1)")
WRITE = Statement("test.write", "INSERT INTO written VALUES ($1) RETURNING n")
PID = Statement("test.pid", "SELECT pg_backend_pid()")


async def sleeping(watcher: asyncpg.Connection) -> int:
    """How many sessions of the test's database run SLEEP."""
    return await watcher.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep($1)%' AND state = 'active'"
        " AND pid <> pg_backend_pid() AND datname = current_database()"
    )


@pytest.fixture
async def connections(dsn, request):
    # Patient, so that a busy machine does not look like an exhausted pool; one test wants it otherwise.
    patience = getattr(request, "param", 30)
    settings = DatabaseSettings.model_validate(
        {"url": dsn, "pool_size": 2, "acquire_timeout_seconds": patience}
    )
    pool = Connections(settings, Metrics().database)
    await pool.open()
    yield pool
    await pool.close()


@pytest.mark.parametrize("connections", [0.2], indirect=True)
async def test_waiting_for_a_session_is_bounded(connections):
    async with connections.session(), connections.session():
        with pytest.raises(Unavailable) as refused:
            await connections.fetch(ONE)
    assert refused.value.reason == "DATABASE_POOL_EXHAUSTED"
    assert refused.value.retry_after_seconds == 1
    assert await connections.fetchval(ONE) == 1


async def test_many_callers_share_few_sessions(connections):
    pids = await asyncio.gather(*(connections.fetchval(PID) for _ in range(200)))
    assert 1 <= len(set(pids)) <= 2


PLANNED = Statement("test.planned", "SELECT sum(n) FROM written WHERE n > $1::int")
PLANS = Statement(
    "test.plans",
    "SELECT statement, generic_plans + custom_plans AS plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT sum%'",
)


async def test_a_statement_is_parsed_once_per_session_and_its_plan_kept(connections, dsn):
    watcher = await asyncpg.connect(dsn)
    await watcher.execute("CREATE TABLE written (n int)")
    await watcher.close()
    async with connections.session() as session:
        for number in range(7):
            await session.fetch(PLANNED, number)
        kept = await session.fetch(PLANS)
        assert [tuple(row) for row in kept] == [(PLANNED.sql, 7)]
        session.forget_statements()
        await session.fetch(ONE)
        assert await session.fetch(PLANS) == []


async def test_tables_that_a_migration_changed_are_read_anew(connections, dsn):
    written, kept = (Statement(f"test.{name}", f"SELECT * FROM {name}") for name in ("written", "kept"))

    async def read(session) -> list[tuple[object, ...]]:
        return [tuple(row) for each in (written, kept) for row in await session.fetch(each)]

    watcher = await asyncpg.connect(dsn)
    try:
        await watcher.execute("CREATE TABLE written AS SELECT 1 AS n; CREATE TABLE kept AS SELECT 2 AS n")
        async with connections.session() as session:
            assert await read(session) == [(1,), (2,)]
        await watcher.execute(
            "ALTER TABLE written ADD m text DEFAULT 'new'; ALTER TABLE kept ALTER n TYPE text"
        )
        async with connections.session() as session:
            assert await read(session) == [(1, "new"), ("2",)]
        await watcher.execute("ALTER TABLE written DROP m; ALTER TABLE kept ALTER n TYPE int USING n::int")
        assert await connections.run_in_transaction(read) == [(1,), (2,)]
    finally:
        await watcher.close()


async def test_a_caller_that_gives_up_waiting_loses_no_session(connections):
    async with connections.session(), connections.session():
        waiting = [asyncio.create_task(connections.fetchval(ONE)) for _ in range(5)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert await asyncio.gather(*(connections.fetchval(ONE) for _ in range(10))) == [1] * 10


async def test_a_statement_stops_also_when_its_caller_is_cancelled_twice(connections, dsn):
    async def work() -> None:
        async with connections.transaction() as session:
            await session.fetch(SLEEP, 60)

    watcher = await asyncpg.connect(dsn)
    try:
        working = asyncio.create_task(work())
        async with asyncio.timeout(20):
            while not await sleeping(watcher):
                await asyncio.sleep(0.01)
            while not working.done():
                working.cancel()
                await asyncio.sleep(0)
            while await sleeping(watcher):
                await asyncio.sleep(0.01)
    finally:
        await watcher.close()


async def test_a_session_handed_over_while_its_caller_gives_up_goes_to_the_next(connections):
    async with connections.session() as first:
        async with connections.session():
            waiting = asyncio.create_task(connections.fetchval(ONE))
            next_one = asyncio.create_task(connections.fetchval(ONE))
            await asyncio.sleep(0)
        waiting.cancel()  # its turn has come, but it has not run yet
        assert await next_one == 1
        assert first.usable


async def test_a_cancelled_statement_stops_in_postgres_and_the_session_is_used_again(connections, dsn):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await connections.fetch(SLEEP, 30)
    assert await connections.fetchval(ONE) == 1
    watcher = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(20):  # far below the 30 s that it would sleep
            while await sleeping(watcher):
                await asyncio.sleep(0.01)
    finally:
        await watcher.close()


async def test_a_session_whose_rollback_was_cancelled_too_is_not_lent_again(connections):
    async def work() -> None:
        async with connections.transaction() as session:
            await session.fetch(SLEEP, 60)

    for _ in range(2 * 2):  # each session of the pool, and its replacement
        working = asyncio.create_task(work())
        while connections.state().lent == 0:
            await asyncio.sleep(0)
        while not working.done():
            working.cancel()
            await asyncio.sleep(0)
    assert await asyncio.gather(*(connections.fetchval(ONE) for _ in range(10))) == [1] * 10


async def test_nothing_is_lost_on_a_session_whose_begin_was_cancelled(connections, dsn):
    """PostgreSQL may have begun all the same: what follows on the session would wait for a commit in vain."""
    watcher = await asyncpg.connect(dsn)

    async def begin() -> None:
        async with connections.transaction():
            pass

    try:
        await watcher.execute("CREATE TABLE written (n int)")
        for turns in range(8):  # wherever in its first steps it is
            beginning = [asyncio.create_task(begin()) for _ in range(2)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in beginning:
                task.cancel()
            await asyncio.wait(beginning)
            await asyncio.gather(*(connections.fetch(WRITE, turns) for _ in range(4)))
            assert await watcher.fetchval("SELECT count(*) FROM written WHERE n = $1", turns) == 4
            await begin()
    finally:
        await watcher.close()


async def test_sessions_ended_by_an_administrator_are_replaced(connections, dsn):
    await asyncio.gather(*(connections.fetchval(ONE) for _ in range(4)))
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await admin.close()
    answers = await asyncio.gather(*(connections.fetchval(ONE) for _ in range(4)), return_exceptions=True)
    assert all(answer == 1 or isinstance(answer, Unavailable) for answer in answers)
    assert await connections.fetchval(ONE) == 1


async def test_a_deadlock_is_tried_again_and_both_writers_succeed(connections, dsn):
    setup = await asyncpg.connect(dsn)
    try:
        await setup.execute("CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL)")
        await setup.execute("INSERT INTO counters VALUES (1, 0), (2, 0)")
        await setup.execute(f"ALTER DATABASE {dsn_name(dsn)} SET deadlock_timeout = '20ms'")
    finally:
        await setup.close()
    bump = Statement("test.bump", "UPDATE counters SET n = n + 1 WHERE id = $1 RETURNING n")
    both_hold = asyncio.Barrier(2)
    attempts = 0

    def work(first: int, second: int):
        met = False

        async def run(session):
            nonlocal attempts, met
            attempts += 1
            await session.fetch(bump, first)
            if not met:
                met = True
                await both_hold.wait()
            await session.fetch(bump, second)

        return run

    await asyncio.gather(
        connections.run_in_transaction(work(1, 2)), connections.run_in_transaction(work(2, 1))
    )
    assert attempts >= 3
    rows = await connections.fetch(Statement("test.sum", "SELECT sum(n)::int FROM counters"))
    assert rows[0][0] == 4


async def test_work_that_always_loses_is_aborted_after_bounded_attempts(connections):
    attempts = 0

    async def work(_session):
        nonlocal attempts
        attempts += 1
        raise asyncpg.SerializationError("lost")

    with pytest.raises(Aborted):
        await connections.run_in_transaction(work)
    assert attempts == 4


async def test_a_statement_beyond_its_time_is_a_deadline(dsn):
    settings = DatabaseSettings.model_validate({"url": dsn, "statement_timeout_seconds": 0.05})
    pool = Connections(settings, Metrics().database)
    try:
        with pytest.raises(DeadlineExceeded):
            await pool.fetch(SLEEP, 10)
    finally:
        await pool.close()


async def test_a_violated_unique_rule_names_itself(connections):
    insert = Statement(
        "test.insert", "INSERT INTO categories (name, slug) VALUES ('Books', 'books') RETURNING id"
    )
    await connections.fetch(insert)
    with pytest.raises(AlreadyExists) as refused:
        await connections.fetch(insert)
    assert refused.value.metadata["constraint"].endswith("slug_key")


async def test_an_unreachable_database_is_unavailable_not_a_hang():
    settings = DatabaseSettings.model_validate({"url": "postgresql://nobody@127.0.0.1:1/none"})
    with pytest.raises(Unavailable) as refused:
        await Connections(settings, Metrics().database).open()
    assert refused.value.reason == "DATABASE_UNAVAILABLE"


def dsn_name(dsn: str) -> str:
    return dsn.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
