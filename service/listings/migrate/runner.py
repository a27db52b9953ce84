"""Moves a schema from version to version, one file at a time.

Every step commits together with its version and its ledger row, so a runner that is killed leaves either the version
before a file or the version after it. Files that cannot run in a transaction (concurrent index builds) are bracketed by
a dirty mark and a ledger row instead; the next runner sees that they are ours, removes what is half built, and repeats.
"""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Final

import asyncpg

from listings.migrate import state
from listings.migrate.errors import BadFiles, LockHeld, LoginRefused, StatementFailed, Unreachable
from listings.migrate.files import Direction, Folder, Migration, Script, load
from listings.migrate.lock import migration_lock
from listings.migrate.statements import without_comments

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

APPLICATION_NAME: Final = "listings-migrate"

_CONCURRENT_INDEX: Final = re.compile(
    r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?(?P<name>\w+)", re.IGNORECASE
)
_INVALID: Final = """
SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid)
"""


@dataclass(frozen=True, slots=True)
class Options:
    """How patient a run is. The defaults suit a deployment next to live traffic."""

    lock_wait_seconds: float = 60.0
    """Longest wait for another runner."""
    lock_timeout_ms: int = 1_000
    """Longest time one statement queues for a table; everybody else queues behind it meanwhile, with every session
    of a pool: so it is shorter than a request waits for one."""
    attempts: int = 5
    """Tries per file when a table stays locked."""
    allow_edited: bool = False
    """Run although a file that was applied has changed since."""
    observe: Callable[[Event], None] | None = None
    """Told about every boundary: the command line shows progress, a test stops the process."""


@dataclass(frozen=True, slots=True)
class Event:
    """A boundary that the run has reached; `detail` is for people."""

    kind: str
    """waiting, start, statement, executed, retry, resume or done."""
    version: int | None = None
    direction: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One file that was run."""

    version: int
    name: str
    direction: Direction
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did."""

    before: int | None
    after: int | None
    steps: tuple[Step, ...] = field(default=())


async def migrate_up(
    dsn: str, folder: Path | None = None, *, target: int | None = None, options: Options | None = None
) -> Report:
    """Apply every pending file up to `target` (default: the last). Raises a MigrationError; at the target, does nothing."""
    return await _run(
        dsn,
        load(folder),
        lambda files, now: _checked_target(files, files.latest if target is None else target, now, "up"),
        options,
    )


async def migrate_down(
    dsn: str, folder: Path | None = None, *, target: int | None = None, options: Options | None = None
) -> Report:
    """Undo files down to `target`; without one undo the last applied file. 0 undoes the baseline too."""

    def goal(files: Folder, now: int | None) -> int | None:
        if target is None:
            return files.before(now) if now is not None else None
        return _checked_target(files, target, now, "down")

    return await _run(dsn, load(folder), goal, options)


async def goto(
    dsn: str, folder: Path | None = None, *, target: int, options: Options | None = None
) -> Report:
    """Apply or undo files until the schema is at `target`."""
    return await _run(
        dsn, load(folder), lambda files, now: _checked_target(files, target, now, None), options
    )


async def force(
    dsn: str, folder: Path | None = None, *, version: int, options: Options | None = None
) -> Report:
    """Declare that the schema is at `version`, clean, without running anything."""
    files = load(folder)
    options = options or Options()
    if version and version not in files.by_version:
        raise BadFiles(
            f"there is no version {version}", remedy=f"Versions go from {files.first} to {files.latest}."
        )
    async with open_session(dsn) as connection, _locked(connection, options):
        await state.create_tables(connection)
        before = await state.read_version(connection)
        async with connection.transaction():
            await state.write_version(connection, version or None, dirty=False)
            if version:
                checksum = files.by_version[version].up.checksum
                await state.record_outside_change(connection, version, "forced", checksum)
        return Report(before.number, version or None)


@asynccontextmanager
async def open_session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Open one session for the whole run; no connection is raised as Unreachable, a refused login as LoginRefused."""
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=10,
            # Plans are used once, and a pooler in between could not keep them.
            statement_cache_size=0,
            # A role or database may carry shorter limits for the service; they are not meant for schema changes.
            server_settings={
                "application_name": APPLICATION_NAME,
                "statement_timeout": "0",
                "lock_timeout": "0",
            },
        )
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise LoginRefused(
            f"the database refuses the login: {error}",
            remedy="Correct role, password and database's name, here or in PostgreSQL.",
        ) from error
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise Unreachable(
            f"cannot connect to the database: {str(error) or type(error).__name__}",
            remedy="Check address, credentials and that the server accepts connections (`listings doctor`).",
        ) from error
    try:
        yield connection
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError) as error:
        raise _broken(error) from error
    except asyncpg.InternalClientError as error:
        # The session was ended between two statements, and its socket had not said so yet.
        connection.terminate()
        raise _broken(error) from error
    finally:
        await asyncio.shield(_close(connection))


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


def _checked_target(files: Folder, target: int, now: int | None, direction: Direction | None) -> int | None:
    if target == 0:
        return None
    if target not in files.by_version:
        raise BadFiles(
            f"there is no version {target}",
            remedy=f"Versions go from {files.first} to {files.latest}; 0 is empty.",
        )
    # `up` and `down` to a version on the other side do nothing, so that a repeated command is harmless.
    if now is not None and ((direction == "up" and target < now) or (direction == "down" and target > now)):
        return now
    return target


@asynccontextmanager
async def _locked(connection: asyncpg.Connection, options: Options) -> AsyncIterator[None]:
    def told(text: str) -> None:
        if options.observe is not None:
            options.observe(Event("waiting", detail=text))

    async with migration_lock(connection, wait_seconds=options.lock_wait_seconds, on_wait=told):
        yield


async def _run(
    dsn: str, files: Folder, goal: Callable[[Folder, int | None], int | None], options: Options | None
) -> Report:
    options = options or Options()
    async with open_session(dsn) as connection, _locked(connection, options):
        run = _Run(connection, files, options)
        before = await run.prepare()
        await run.move(before, goal(files, before))
        after = await state.read_version(connection)
        return Report(before, after.number, tuple(run.steps))


class _Run:
    """One run under the lock."""

    def __init__(self, connection: asyncpg.Connection, files: Folder, options: Options) -> None:
        self.steps: list[Step] = []
        self._connection = connection
        self._files = files
        self._options = options

    async def prepare(self) -> int | None:
        """Check that the database is ours to continue, finish what an earlier run left, and return the version."""
        now = await state.read_version(self._connection)
        if not now.dirty:
            await state.check_known(self._connection, self._files, now)
        await state.create_tables(self._connection)
        if now.dirty:
            await self._resume(now)
            now = await state.read_version(self._connection)
        entries = await state.latest_entries(self._connection)
        recorded = await state.read_recorded(self._connection, self._files)
        if now.number is not None and (recorded is None or recorded.number != now.number):
            # Another tool brought it here.
            checksum = self._files.by_version[now.number].up.checksum
            await state.record_outside_change(self._connection, now.number, "adopted", checksum)
        self._refuse_edited(now.number, entries)
        return now.number

    async def move(self, now: int | None, target: int | None) -> None:
        """Run the files between two versions in order."""
        floor, goal = now or 0, target or 0
        if goal >= floor:
            for migration in self._files.migrations:
                if floor < migration.version <= goal:
                    await self._step(migration, "up")
        else:
            for migration in reversed(self._files.migrations):
                if goal < migration.version <= floor:
                    await self._step(migration, "down")

    async def _resume(self, now: state.Version) -> None:
        entry = await state.interrupted(self._connection)
        migration = self._files.by_version.get(entry["version"]) if entry else None
        if entry is None or migration is None or entry["direction"] not in ("up", "down"):
            await state.check_known(self._connection, self._files, now)
            return
        direction: Direction = "up" if entry["direction"] == "up" else "down"
        self._tell("resume", migration, direction, "an earlier run was stopped here; the file is repeated")
        await state.finish(self._connection, entry["id"], "failed", "the runner was stopped")
        await self._step(migration, direction)

    def _refuse_edited(self, now: int | None, entries: dict[int, state.LedgerEntry]) -> None:
        edited = edited_files(self._files, now, entries)
        if edited and not self._options.allow_edited:
            raise BadFiles(
                f"files were edited after they had been applied: {', '.join(edited)}",
                remedy="Restore them and put the change into a new version, or accept the edit with --allow-edited.",
            )

    async def _step(self, migration: Migration, direction: Direction) -> None:
        """Run one file, again when a table stays locked, and turn what PostgreSQL says into what to do."""
        self._tell("start", migration, direction, migration.name)
        clock = perf_counter()
        script = migration.script(direction)
        run = self._in_transaction if script.transactional else self._outside_transaction
        for attempt in range(1, self._options.attempts + 1):
            try:
                await run(migration, direction, script)
                break
            except asyncpg.PostgresError as error:
                if self._connection.is_closed():
                    raise _broken(error) from error
                if not isinstance(error, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError):
                    raise _statement_failed(script, migration, error) from error
                if attempt == self._options.attempts:
                    raise LockHeld(
                        f"{script.path.name}: {error}, in {attempt} attempts",
                        remedy="Find the session that stands in the way (pg_stat_activity, pg_blocking_pids), end it or "
                        "wait for it, then run again. The version before this file is intact.",
                        version=migration.version,
                    ) from error
                pause = min(2.0**attempt, 15.0) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries
                self._tell("retry", migration, direction, f"{error}; next attempt in {pause:.1f} s")
                await asyncio.sleep(pause)
        self.steps.append(Step(migration.version, migration.name, direction, perf_counter() - clock))
        self._tell("done", migration, direction)

    async def _in_transaction(self, migration: Migration, direction: Direction, script: Script) -> None:
        started_at = datetime.now(UTC)
        try:
            async with self._connection.transaction():
                await self._connection.execute(f"SET LOCAL lock_timeout = {self._options.lock_timeout_ms}")
                await self._connection.execute(f"SET LOCAL statement_timeout = {script.statement_timeout_ms}")
                await self._execute(migration, direction, script)
                after = self._version_after(migration, direction)
                await state.write_version(self._connection, after, dirty=False)
                await state.record(self._connection, migration, direction, started_at, "applied")
                self._tell("executed", migration, direction)
        except asyncpg.PostgresError as error:
            if not self._connection.is_closed():
                await state.record(self._connection, migration, direction, started_at, "failed", str(error))
            raise

    async def _outside_transaction(self, migration: Migration, direction: Direction, script: Script) -> None:
        after = self._version_after(migration, direction)
        async with self._connection.transaction():
            await state.write_version(self._connection, after, dirty=True)
            now = datetime.now(UTC)
            entry = await state.record(self._connection, migration, direction, now, "started")
        try:
            await self._drop_half_built_index(script)
            # No lock_timeout: a concurrent build waits for old transactions by design, and nobody waits for it.
            await self._connection.execute(f"SET statement_timeout = {script.statement_timeout_ms}")
            await self._execute(migration, direction, script)
            await self._connection.execute("SET statement_timeout = 0")
        except asyncpg.PostgresError as error:
            if not self._connection.is_closed():
                await self._connection.execute("SET statement_timeout = 0")
                await self._drop_half_built_index(script)
                async with self._connection.transaction():
                    before = self._version_before(migration, direction)
                    await state.write_version(self._connection, before, dirty=False)
                    await state.finish(self._connection, entry, "failed", str(error))
            raise
        self._tell("executed", migration, direction)
        async with self._connection.transaction():
            await state.write_version(self._connection, after, dirty=False)
            await state.finish(self._connection, entry, "applied")

    async def _drop_half_built_index(self, script: Script) -> None:
        """Remove the invalid index that a stopped or failed concurrent build leaves; IF NOT EXISTS would keep it."""
        for statement in script.statements:
            match = _CONCURRENT_INDEX.match(without_comments(statement))
            if match and await self._connection.fetchval(_INVALID, match["name"]):
                await self._connection.execute(f"DROP INDEX CONCURRENTLY {match['name']}")

    async def _execute(self, migration: Migration, direction: Direction, script: Script) -> None:
        for number, statement in enumerate(script.statements, start=1):
            self._tell("statement", migration, direction, str(number))
            await self._connection.execute(statement)

    def _version_after(self, migration: Migration, direction: Direction) -> int | None:
        return migration.version if direction == "up" else self._files.before(migration.version)

    def _version_before(self, migration: Migration, direction: Direction) -> int | None:
        return self._files.before(migration.version) if direction == "up" else migration.version

    def _tell(self, kind: str, migration: Migration, direction: Direction, detail: str = "") -> None:
        if self._options.observe is not None:
            self._options.observe(Event(kind, migration.version, direction, detail))


def edited_files(files: Folder, now: int | None, entries: dict[int, state.LedgerEntry]) -> list[str]:
    """Return the names of up files that differ from what was applied to reach the current version."""
    return [
        migration.up.path.name
        for migration in files.migrations
        if now is not None
        and migration.version <= now
        and (entry := entries.get(migration.version)) is not None
        and entry.direction == "up"
        and entry.checksum != migration.up.checksum
    ]


def _broken(error: Exception) -> Unreachable:
    return Unreachable(
        f"the connection to the database broke: {error}",
        remedy="Run the same command again: a finished file is recorded, an unfinished one is repeated.",
    )


def _statement_failed(script: Script, migration: Migration, error: asyncpg.PostgresError) -> StatementFailed:
    hint = getattr(error, "hint", None)
    detail = getattr(error, "detail", None)
    if hint and isinstance(error, asyncpg.UniqueViolationError) and "share a sku" in str(error):
        hint += " `listings repair skus` proposes them."
    return StatementFailed(
        f"{script.path.name}: {error.args[0] if error.args else error}" + (f" ({detail})" if detail else ""),
        remedy=hint or "The version before this file is intact. Mend the cause, then run again.",
        version=migration.version,
    )
