"""The fixtures keep tests apart, so that every other test may trust them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest
import uvloop
from providers.postgres import Databases, PostgresServer, run_server
from redis.asyncio import Redis

if TYPE_CHECKING:
    from collections.abc import Callable


async def _tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row["tablename"] for row in rows}
    finally:
        await connection.close()


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_a_migrated_database_of_its_own(dsn: str, turn: int) -> None:
    assert {"listings", "categories"} <= await _tables(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TABLE left_by_a_test ()")  # fails in the second turn if it survives
    finally:
        await connection.close()


async def test_a_connection_left_open_does_not_keep_the_next_test_from_starting(
    new_database: Callable[..., str],
) -> None:
    connection = await asyncpg.connect(new_database())
    connection.terminate()


async def test_the_shared_database_refuses_writes(shared_dsn: str) -> None:
    connection = await asyncpg.connect(shared_dsn)
    try:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM listings")
    finally:
        await connection.close()


async def test_an_empty_database_has_no_tables(empty_dsn: str, new_database: Callable[..., str]) -> None:
    assert await _tables(empty_dsn) == set()
    another = new_database(migrated=False)
    assert another != empty_dsn
    assert await _tables(another) == set()


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_an_empty_redis(redis_url: str, turn: int) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0
        await client.set("left by a test", "1")


async def test_tests_run_on_the_event_loop_of_the_service() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)


def test_a_given_server_is_used_and_left_alone(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTINGS_TEST_DATABASE_URL", postgres.tcp_address or postgres.address)
    with run_server() as given, Databases(given) as databases:
        assert given.address == (postgres.tcp_address or postgres.address)
        databases.drop(databases.create(databases.template()))
    with Databases(postgres) as databases:
        databases.drop(databases.create())


def test_a_sweep_takes_what_earlier_runs_left_and_nothing_of_those_who_are_there(
    postgres: PostgresServer, new_database: Callable[..., str]
) -> None:
    living = urlsplit(new_database(migrated=False)).path[1:]
    with Databases(postgres) as gone:
        left = gone.create()
    with Databases(postgres) as sweeper:
        own = sweeper.create()
        while left in sweeper.names():  # the server notices a moment later that a connection has ended
            sweeper.sweep()
        assert {living, own} <= sweeper.names()
        sweeper.drop(own)
