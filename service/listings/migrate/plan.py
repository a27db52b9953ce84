"""What `status` and `plan` show: where the schema stands and what a run would do. Changes nothing, takes no lock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from listings.migrate import state
from listings.migrate.files import Direction, Migration, load
from listings.migrate.runner import edited_files, open_session
from listings.migrate.statements import without_comments

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

_LOCKS: Final = (
    # The strongest lock of a statement, by its beginning; the first match wins.
    (r"(CREATE|DROP) (UNIQUE )?INDEX CONCURRENTLY\b", "SHARE UPDATE EXCLUSIVE"),
    (r"CREATE (UNIQUE )?INDEX\b", "SHARE"),
    (r"ALTER TABLE .* VALIDATE CONSTRAINT\b", "SHARE UPDATE EXCLUSIVE"),
    (r"ALTER TABLE .* ADD CONSTRAINT .* FOREIGN KEY\b", "SHARE ROW EXCLUSIVE"),
    (r"(ALTER|DROP) TABLE\b|DROP INDEX\b|DROP TRIGGER\b", "ACCESS EXCLUSIVE"),
    (r"CREATE TRIGGER\b", "SHARE ROW EXCLUSIVE"),
    (r"(UPDATE|DELETE|INSERT)\b", "ROW EXCLUSIVE"),
    (r"DO\b", "as its header says"),
)
_SIZES: Final = """
SELECT c.relname, pg_total_relation_size(c.oid) AS bytes, greatest(c.reltuples, 0)::bigint AS rows
FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
"""


@dataclass(frozen=True, slots=True)
class Applied:
    """One version as the ledger remembers it."""

    version: int
    name: str
    state: str
    """applied, pending, edited or unknown."""
    finished_at: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """Where the schema stands against the files."""

    version: int | None
    dirty: bool
    latest: int
    pending: int
    versions: tuple[Applied, ...]


@dataclass(frozen=True, slots=True)
class PlannedStatement:
    """One statement of a pending file, shortened for reading."""

    text: str
    lock: str
    """The strongest lock it takes, or nothing for statements that lock no table."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a pending file names."""

    name: str
    bytes: int
    rows: int
    """The planner's estimate."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One pending file."""

    version: int
    name: str
    direction: Direction
    summary: str
    locks: str
    transactional: bool
    statements: tuple[PlannedStatement, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do now."""

    version: int | None
    target: int | None
    files: tuple[PlannedFile, ...]


async def read_status(dsn: str, folder: Path | None = None) -> Status:
    """Return where the schema stands; a dirty or unknown state is shown, not raised."""
    files = load(folder)
    async with open_session(dsn) as connection:
        now = await state.read_version(connection)
        entries = await state.latest_entries(connection)
    edited = set(edited_files(files, now.number, entries))
    reached = now.number or 0
    versions = []
    for migration in files.migrations:
        entry = entries.get(migration.version)
        applied = migration.version <= reached
        word = "pending" if not applied else "edited" if migration.up.path.name in edited else "applied"
        finished = entry.finished_at if applied and entry else None
        versions.append(
            Applied(migration.version, migration.name, word, finished.isoformat() if finished else None)
        )
    if now.number is not None and now.number not in files.by_version:
        versions.append(Applied(now.number, "(not among the files)", "unknown", None))
    pending = sum(version.state == "pending" for version in versions)
    return Status(now.number, now.dirty, files.latest, pending, tuple(versions))


async def read_plan(dsn: str, folder: Path | None = None, *, target: int | None = None) -> Plan:
    """Return what moving to `target` (default: the last version) would run; raises for a state no run would accept."""
    files = load(folder)
    goal = files.latest if target is None else target
    async with open_session(dsn) as connection:
        now = await state.read_version(connection)
        await state.check_known(connection, files, now)
        tables = await _tables(connection)
    reached = now.number or 0
    if goal >= reached:
        steps: list[tuple[Migration, Direction]] = [
            (migration, "up") for migration in files.migrations if reached < migration.version <= goal
        ]
    else:
        steps = [
            (migration, "down")
            for migration in reversed(files.migrations)
            if goal < migration.version <= reached
        ]
    return Plan(now.number, goal or None, tuple(_planned(*step, tables) for step in steps))


async def _tables(connection: asyncpg.Connection) -> dict[str, Table]:
    rows = await connection.fetch(_SIZES)
    return {row["relname"]: Table(row["relname"], row["bytes"], row["rows"]) for row in rows}


def _planned(migration: Migration, direction: Direction, tables: dict[str, Table]) -> PlannedFile:
    script = migration.script(direction)
    plain = [without_comments(statement) for statement in script.statements]
    words = set(re.findall(r"\w+", " ".join(plain)))
    return PlannedFile(
        version=migration.version,
        name=migration.name,
        direction=direction,
        summary=script.summary,
        locks=script.locks,
        transactional=script.transactional,
        statements=tuple(PlannedStatement(_shortened(text), _lock_of(text)) for text in plain),
        tables=tuple(tables[name] for name in sorted(words & tables.keys())),
    )


def _shortened(text: str, width: int = 100) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _lock_of(statement: str) -> str:
    return next((lock for pattern, lock in _LOCKS if re.match(pattern, statement, re.IGNORECASE)), "")
