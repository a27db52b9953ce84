"""The lock that all migration runners share.

It is the session advisory lock that golang-migrate takes, so that both tools exclude each other on one database. That
tool has two numbers for it: its command line makes one from the path of the address, slash included, a program that
brings its own connection makes one from the database's name. Whoever holds both is alone.
They are taken by asking again and again: a session that waits inside pg_advisory_lock holds a snapshot, a concurrent
index build waits for old snapshots, and the two would wait for each other.
"""

from __future__ import annotations

import asyncio
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from listings.migrate.errors import LockHeld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import asyncpg

_SALT: Final = 1_486_364_155
_POLL_SECONDS: Final = 0.2

_HOLDER: Final = """
SELECT a.pid, a.application_name, a.client_addr::text AS address, a.backend_start
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid::bigint = $1::bigint >> 32 AND l.objid::bigint = $1::bigint & 4294967295
"""


def lock_id(database: str, schema: str, table: str = "schema_migrations") -> int:
    """Return golang-migrate's lock number: CRC-32 of the three names joined by NUL, times its salt, in 32 bits."""
    checksum = zlib.crc32(f"{schema}\0{table}\0{database}".encode())
    return (checksum * _SALT) & 0xFFFFFFFF


def lock_ids(database: str, schema: str) -> tuple[int, int]:
    """Return both numbers that stand for one database, in the order in which they are taken."""
    return lock_id(f"/{database}", schema), lock_id(database, schema)


@asynccontextmanager
async def migration_lock(
    connection: asyncpg.Connection,
    *,
    wait_seconds: float,
    on_wait: Callable[[str], None] | None = None,
) -> AsyncIterator[None]:
    """Hold the lock; raise LockHeld, naming the holder, when it stays taken for `wait_seconds`.

    `on_wait` is told once who is being waited for. A lost connection gives the lock back by itself.
    """
    database = await connection.fetchval("SELECT current_database()")
    schema = await connection.fetchval("SELECT current_schema()")
    numbers = lock_ids(database, schema)
    deadline = asyncio.get_running_loop().time() + wait_seconds
    told = False
    while (taken := await _try_all(connection, numbers)) is not None:
        holder = await _holder(connection, taken)
        if asyncio.get_running_loop().time() >= deadline:
            raise LockHeld(
                f"another migration runner works on this database: {holder}",
                remedy=f"Wait for it to finish and run again, or wait longer than {wait_seconds:g} s with --lock-wait.",
            )
        if on_wait is not None and not told:
            on_wait(f"waiting for another migration runner: {holder}")
            told = True
        await asyncio.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.is_closed():
            await _unlock(connection, numbers)


async def _try_all(connection: asyncpg.Connection, numbers: tuple[int, ...]) -> int | None:
    """Take every lock or none; the number of the one that somebody else has, or None when all are ours."""
    for position, number in enumerate(numbers):
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", number):
            await _unlock(connection, numbers[:position])
            return number
    return None


async def _unlock(connection: asyncpg.Connection, numbers: tuple[int, ...]) -> None:
    for number in numbers:
        await connection.execute("SELECT pg_advisory_unlock($1)", number)


async def _holder(connection: asyncpg.Connection, number: int) -> str:
    holder = await connection.fetchrow(_HOLDER, number)
    if holder is None:
        return "it ended just now"
    return (
        f"pid {holder['pid']} ({holder['application_name'] or 'unnamed'}) "
        f"from {holder['address'] or 'a local socket'}, connected since {holder['backend_start']:%Y-%m-%d %H:%M:%S}"
    )
