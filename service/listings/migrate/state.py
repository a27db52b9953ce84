"""What the database remembers about migrations: the version, and the ledger of what was done.

`schema_migrations(version, dirty)` is golang-migrate's table, with its meaning: one row, or none before the first
version; dirty while a file runs outside a transaction. `listings_migration_ledger` is ours: one row per attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final

from listings.migrate.errors import DirtyState, UnknownState

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from listings.migrate.files import Direction, Folder, Migration

LEDGER: Final = "listings_migration_ledger"

_CREATE: Final = f"""
CREATE TABLE IF NOT EXISTS schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
CREATE TABLE IF NOT EXISTS {LEDGER} (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version      bigint NOT NULL,
    name         text NOT NULL,
    direction    text NOT NULL CHECK (direction IN ('up', 'down', 'adopted', 'forced')),
    checksum     text NOT NULL,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    outcome      text NOT NULL CHECK (outcome IN ('started', 'applied', 'failed')),
    tool_version text NOT NULL,
    error        text
);
"""

_OTHER_RELATIONS: Final = f"""
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    AND c.relname NOT IN ('schema_migrations', '{LEDGER}')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class Version:
    """Where the schema stands; number is None before the first version."""

    number: int | None
    dirty: bool


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The last thing done to one version."""

    version: int
    name: str
    direction: str
    checksum: str
    outcome: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger says about the version: where it led, and up to where it was taken over from another tool."""

    number: int | None
    taken_over: int | None


async def create_tables(connection: asyncpg.Connection) -> None:
    """Create both tables where they are missing."""
    async with connection.transaction():
        # Without this PostgreSQL reports every run that the tables exist already.
        await connection.execute("SET LOCAL client_min_messages = warning")
        await connection.execute(_CREATE)


async def read_version(connection: asyncpg.Connection) -> Version:
    """Return where the schema stands, also for a database that was never migrated."""
    if not await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        return Version(None, dirty=False)
    row = await connection.fetchrow("SELECT version, dirty FROM schema_migrations LIMIT 1")
    return Version(row["version"], row["dirty"]) if row else Version(None, dirty=False)


async def write_version(connection: asyncpg.Connection, number: int | None, *, dirty: bool) -> None:
    """Replace the one row. DELETE, not TRUNCATE: readiness checks read this table while a file runs."""
    await connection.execute("DELETE FROM schema_migrations")
    if number is not None or dirty:
        await connection.execute(
            # golang-migrate writes -1 for a dirty state below the first version.
            "INSERT INTO schema_migrations (version, dirty) VALUES ($1, $2)",
            -1 if number is None else number,
            dirty,
        )


async def latest_entries(connection: asyncpg.Connection) -> dict[int, LedgerEntry]:
    """Return the last ledger row of each version that did not fail."""
    if not await connection.fetchval(f"SELECT to_regclass('{LEDGER}') IS NOT NULL"):
        return {}
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT ON (version) version, name, direction, checksum, outcome, started_at, finished_at
        FROM {LEDGER} WHERE outcome <> 'failed' ORDER BY version, id DESC
        """  # noqa: S608 - a constant
    )
    return {row["version"]: LedgerEntry(**row) for row in rows}


async def read_recorded(connection: asyncpg.Connection, folder: Folder) -> Recorded | None:
    """Return where the ledger's last row left the schema, or None where there is no ledger or no row."""
    if not await connection.fetchval(f"SELECT to_regclass('{LEDGER}') IS NOT NULL"):
        return None
    row = await connection.fetchrow(
        f"""
        SELECT version, direction,
            (SELECT max(version) FROM {LEDGER} WHERE direction IN ('adopted', 'forced')) AS taken_over
        FROM {LEDGER} WHERE outcome = 'applied' ORDER BY id DESC LIMIT 1
        """  # noqa: S608 - a constant
    )
    if row is None:
        return None
    number = folder.before(row["version"]) if row["direction"] == "down" else row["version"]
    return Recorded(number, row["taken_over"])


async def record(
    connection: asyncpg.Connection,
    migration: Migration,
    direction: Direction,
    started_at: datetime,
    outcome: str,
    error: str | None = None,
) -> int:
    """Write one ledger row and return its id; the caller decides in which transaction."""
    number: int = await connection.fetchval(
        f"""
        INSERT INTO {LEDGER}
            (version, name, direction, checksum, started_at, finished_at, outcome, tool_version, error)
        VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 = 'started' THEN NULL ELSE clock_timestamp() END, $6, $7, $8)
        RETURNING id
        """,  # noqa: S608 - a constant
        migration.version,
        migration.name,
        direction,
        migration.script(direction).checksum,
        started_at,
        outcome,
        tool_version(),
        error,
    )
    return number


async def finish(connection: asyncpg.Connection, entry: int, outcome: str, error: str | None = None) -> None:
    """Close a ledger row that was written as started."""
    await connection.execute(
        f"UPDATE {LEDGER} SET outcome = $2, error = $3, finished_at = clock_timestamp() WHERE id = $1",  # noqa: S608 - a constant
        entry,
        outcome,
        error,
    )


async def record_outside_change(
    connection: asyncpg.Connection, version: int, kind: str, checksum: str
) -> None:
    """Note that the version was taken as found ('adopted') or set by hand ('forced'); nothing ran."""
    await connection.execute(
        f"""
        INSERT INTO {LEDGER} (version, name, direction, checksum, started_at, finished_at, outcome, tool_version)
        VALUES ($1, $2, $2, $3, clock_timestamp(), clock_timestamp(), 'applied', $4)
        """,  # noqa: S608 - a constant
        version,
        kind,
        checksum,
        tool_version(),
    )


async def interrupted(connection: asyncpg.Connection) -> asyncpg.Record | None:
    """Return the ledger row (id, version, direction) of a file of ours that was stopped, when it is the last row."""
    row = await connection.fetchrow(
        f"SELECT id, version, direction, outcome FROM {LEDGER} ORDER BY id DESC LIMIT 1"  # noqa: S608 - a constant
    )
    return row if row is not None and row["outcome"] == "started" else None


async def check_known(connection: asyncpg.Connection, folder: Folder, version: Version) -> None:
    """Raise unless these files continue the database as it stands."""
    if version.dirty:
        raise DirtyState(
            f"version {version.number} is marked dirty: a migration tool was stopped in the middle of it",
            remedy=(
                "Look at what the file changed and complete or undo it by hand, then declare the result: "
                f"`listings migrate force {version.number} --yes` (or the version before it)."
            ),
            version=version.number,
        )
    if version.number is None:
        relations = [row["relname"] for row in await connection.fetch(_OTHER_RELATIONS)]
        if relations:
            shown = ", ".join(relations[:5]) + (", ..." if len(relations) > 5 else "")
            raise UnknownState(
                f"the database is not empty ({len(relations)} relations: {shown}) and records no schema version",
                remedy=(
                    "Use an empty database. If this one is exactly what version "
                    f"{folder.first} leaves behind, say so with `listings migrate force {folder.first} --yes`."
                ),
            )
    elif version.number > folder.latest:
        raise UnknownState(
            f"the schema is at version {version.number}, newer than these files, which end at {folder.latest}",
            remedy="Run the release of the service that brought the schema there, or a later one.",
            version=version.number,
        )
    elif version.number not in folder.by_version:
        raise UnknownState(
            f"the schema is at version {version.number}, which these files do not know (they start at {folder.first})",
            remedy=f"Bring it to version {folder.first} with the tool that made it, then run again.",
            version=version.number,
        )


def tool_version() -> str:
    """Return the version of the installed distribution."""
    return metadata.version("listings")
