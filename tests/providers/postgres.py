"""Databases for tests: one PostgreSQL server for the whole run, cloned databases for each test.

The fixtures in conftest.py are thin covers over this module. Every pytest-xdist worker, and every
run in the same checkout at the same time, joins one `EmbeddedPostgres`; it ends with the last of
them, however they end. Its folder stays, so the next run starts in 50 ms and finds the migrated
template as long as the migrations are the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast
from urllib.parse import quote, urlsplit

import asyncpg
import psutil

from listings.embedded import EmbeddedPostgres
from listings.embedded.binaries import PostgresBinaries, choose_postgres, postgres_in

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from listings.embedded.binaries import Origin

CHECKOUT: Final = Path(__file__).parents[2]
MIGRATIONS: Final = CHECKOUT / "migrations"

# A day without background writes of its own: what a test measures or counts is its own doing.
_OPTIONS: Final = {
    "max_connections": "400",
    "autovacuum": "off",
    "checkpoint_timeout": "1d",
    "max_wal_size": "256MB",
    "shared_buffers": "16MB",  # small databases; a smaller pool is searched faster by each drop
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_min_messages": "error",
}
_Result = TypeVar("_Result")

_CLONE_PREFIX: Final = "test_"
_ROOMY: Final = 2 * 1024**3
_TEMPLATE_LOCK: Final = 7_240_113
_OWNERS: Final = 7_240_114


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The server of this run: addresses of any database on it."""

    address: str
    """Address of the database for administration; also how the others' addresses are made."""
    tcp_address: str | None
    """The same through TCP with a password, where the server is ours."""

    def dsn(self, database: str) -> str:
        return _with_database(self.address, database)

    def tcp_dsn(self, database: str) -> str:
        assert self.tcp_address, "a given server is reached by its given address only"
        return _with_database(self.tcp_address, database)


@contextmanager
def run_server() -> Iterator[PostgresServer]:
    """Join the run's server, or use the one in LISTINGS_TEST_DATABASE_URL (its user must create databases)."""
    given = os.environ.get("LISTINGS_TEST_DATABASE_URL")
    if given:
        yield PostgresServer(given, None)
        return
    binaries = wanted_binaries()
    server = EmbeddedPostgres(
        _run_folder(f"postgres-{binaries.origin}-{binaries.major}"),
        port=0,
        durable=False,
        options=_OPTIONS,
        binaries=binaries,
    )
    server.start()
    try:
        addresses = PostgresServer(server.dsn("postgres"), server.tcp_dsn("postgres"))
        if server.started_here:
            with Databases(addresses) as databases:
                databases.sweep()
        yield addresses
    finally:
        server.stop()


def wanted_binaries() -> PostgresBinaries:
    """Return what LISTINGS_TEST_POSTGRES asks for: `system`, `wheel`, or the folder of another version's programs.

    Without it the best of this machine. A folder is how the tests meet versions that the machine does not have.
    """
    wanted = os.environ.get("LISTINGS_TEST_POSTGRES", "")
    if "/" in wanted:
        return postgres_in(Path(wanted))
    assert wanted in ("", "system", "wheel"), f"LISTINGS_TEST_POSTGRES={wanted}: system, wheel or a folder"
    return choose_postgres(origin=cast("Origin", wanted) if wanted else None)


class Databases:
    """Creates and drops databases through one connection.

    Its methods block, and may be called from a running event loop too: the connection lives on a
    loop and a thread of its own.
    """

    def __init__(self, server: PostgresServer) -> None:
        # Unique among everybody who may use the same server, also from other machines.
        self._owner = secrets.token_hex(4)
        self._names = (f"{_CLONE_PREFIX}{self._owner}_{number}" for number in count(1))
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="databases", daemon=True)
        self._connection: asyncpg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._connection = self._run(asyncpg.connect(self._server.address))
        # Held as long as this connection lives: whose databases these are is still there (see `sweep`).
        self._execute(f"SELECT pg_advisory_lock({_OWNERS}, {_lock_of(self._owner)})")
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def create(self, template: str = "template0") -> str:
        """Create a database under a new name and return the name."""
        name = next(self._names)
        # Copying files is three times as fast as logging them, and nobody needs the log. Older servers only copy.
        strategy = "STRATEGY file_copy" if self._major() >= 15 else ""
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {strategy}')
        return name

    def drop(self, name: str) -> None:
        """Drop a database, connections to it included."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def names(self) -> set[str]:
        return {row["datname"] for row in self._fetch("SELECT datname FROM pg_database")}

    def make_read_only(self, name: str) -> None:
        self._execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    def template(self) -> str:
        """Return the name of a migrated database, made by the first who asks (in any process)."""
        name = f"template_{_fingerprint()}"
        self._execute(f"SELECT pg_advisory_lock({_TEMPLATE_LOCK})")
        try:
            if not self._fetch("SELECT datname FROM pg_database WHERE datname = $1", name):
                half_made = self.create()
                self._run(migrate(self._server.dsn(half_made)))
                self._run(_visit(self._server.dsn(half_made)))
                self._execute(f'ALTER DATABASE "{half_made}" RENAME TO "{name}"')
                # Copying needs a database that nobody is connected to.
                self._execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        finally:
            self._execute(f"SELECT pg_advisory_unlock({_TEMPLATE_LOCK})")
        return name

    def sweep(self) -> None:
        """Drop what earlier runs left: templates of other schemas, and databases whose owner is gone."""
        for name in self.names():
            stale = name.startswith("template_") and name != f"template_{_fingerprint()}"
            if stale or (name.startswith(_CLONE_PREFIX) and self._is_abandoned(name)):
                self.drop(name)

    def _is_abandoned(self, name: str) -> bool:
        owner = name.removeprefix(_CLONE_PREFIX).partition("_")[0]
        if owner == self._owner:
            return False
        # Kept until this connection ends: nobody comes back under an owner's name.
        [[ours]] = self._fetch(f"SELECT pg_try_advisory_lock({_OWNERS}, {_lock_of(owner)})")
        return bool(ours)

    def _major(self) -> int:
        assert self._connection is not None
        return self._connection.get_server_version().major

    def _execute(self, statement: str) -> None:
        assert self._connection is not None
        self._run(self._connection.execute(statement))

    def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        assert self._connection is not None
        return self._run(self._connection.fetch(query, *arguments))

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def suspended(server: EmbeddedPostgres) -> Iterator[None]:
    """A server that hangs: its sockets take bytes, and nobody reads them."""
    first = psutil.Process(server.pid)
    processes = [first, *first.children(recursive=True)]
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            each.resume()


async def migrate(dsn: str) -> None:
    """Bring a database to the newest version, the way a deployment does."""
    from listings.migrate import runner  # late: tests without a database do not depend on it

    await runner.migrate_up(dsn, MIGRATIONS)


async def _visit(dsn: str) -> None:
    """Connect once: PostgreSQL keeps what each session first reads of the catalog in a file; clones inherit it."""
    connection = await asyncpg.connect(dsn)
    await connection.close()


def _lock_of(owner: str) -> int:
    """Number an owner as PostgreSQL numbers locks: 32 bits, the first for the sign."""
    return int(owner, 16) - 2**31


def _fingerprint() -> str:
    """Name the schema by what makes it, so that a changed migration makes a new template."""
    digest = hashlib.sha256()
    sources = [*MIGRATIONS.glob("*.sql"), *(CHECKOUT / "service/listings/migrate").rglob("*.py")]
    for path in sorted(sources):
        digest.update(f"{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def fast_place() -> Path:
    """Return where servers of tests keep their files: in memory where there is room.

    ext4 searches long for file numbers not freed in the last seconds, which makes a clone twenty
    times as slow when each test drops the one before it (300 ms instead of 12).
    """
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free >= _ROOMY
    return memory if roomy else Path(tempfile.gettempdir())


def _run_folder(name: str) -> Path:
    """Return a folder that all runs in this checkout by this user share."""
    digest = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:10]
    folder = fast_place() / f"listings-tests-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o711, exist_ok=True)
    assert folder.lstat().st_uid == os.getuid(), f"{folder} belongs to somebody else: remove it"
    return folder / name


def _with_database(address: str, database: str) -> str:
    parts = urlsplit(address)
    # Not urlunsplit: it drops the empty host of a socket's address, and with it the slashes.
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{quote(database, safe='')}{query}"
