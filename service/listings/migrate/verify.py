"""Compares a database with what its version promises; called by `listings migrate verify` and after an upgrade.

Relations are listed always, extra ones too: a database may be shared. What is missing, orphaned, unvalidated, invalid,
edited or dirty is a problem, names a kind and an object, and makes the command end with exit code 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from listings.migrate import state
from listings.migrate.files import load
from listings.migrate.runner import edited_files, open_session

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    from listings.migrate.files import Folder

EXPECTED: Final = frozenset(
    {
        "c2c_chats",
        "c2c_messages",
        "categories",
        "indexing_queue",
        "inventory_movements",
        "listing_attributes",
        "listing_favorites",
        "listing_images",
        "listing_locations",
        "listing_search",
        "listing_stats",
        "listing_tags",
        "listings",
        "product_variants",
        "storefronts",
        "schema_migrations",
        state.LEDGER,
    }
)
"""Tables of the latest version."""

LEGACY: Final = frozenset(
    {
        "b2c_inventory_movements",
        "b2c_product_variants",
        "b2c_products",
        "c2c_categories",
        "c2c_favorites",
        "c2c_images",
        "c2c_listing_variants",
        "c2c_listings",
        "c2c_orders",
        "marketplace_listing_variants",
        "variants",
    }
)
"""Names of earlier times. A view under one of them serves old readers; a table is left over."""

_LEGACY_PREFIXES: Final = ("c2c_categories_backup_",)

_RELATIONS: Final = """
SELECT c.relname, c.relkind::text AS kind FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname
"""
_FOREIGN_KEYS: Final = """
SELECT k.conname, k.conrelid::regclass::text AS child, k.confrelid::regclass::text AS parent,
    array_agg(quote_ident(a.attname) ORDER BY p.position) AS child_columns,
    array_agg(quote_ident(b.attname) ORDER BY p.position) AS parent_columns
FROM pg_constraint AS k
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS p (child_column, parent_column, position)
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.child_column
    JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = p.parent_column
WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace
GROUP BY k.oid, k.conname, k.conrelid, k.confrelid
ORDER BY k.conname
"""
_UNVALIDATED: Final = """
SELECT conrelid::regclass::text AS relation, conname FROM pg_constraint
WHERE NOT convalidated AND connamespace = current_schema()::regnamespace ORDER BY 1, 2
"""
_INVALID_INDEXES: Final = """
SELECT i.indexrelid::regclass::text AS name FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace ORDER BY 1
"""
_DISABLED_TRIGGERS: Final = """
SELECT tgrelid::regclass::text AS relation, tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE NOT tgisinternal AND tgenabled = 'D' AND c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be."""

    kind: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key and the rows that break it, possible where it is unvalidated or was switched off."""

    name: str
    child: str
    parent: str
    orphans: int


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was looked at."""

    version: int | None
    latest: int
    expected: tuple[str, ...]
    extra: tuple[str, ...]
    legacy: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    problems: tuple[Problem, ...]


async def verify(dsn: str, folder: Path | None = None) -> Verification:
    """Look at relations, references, constraints, indexes, triggers and files. Reads every referencing table once."""
    files = load(folder)
    async with (
        open_session(dsn) as connection,
        connection.transaction(readonly=True, isolation="repeatable_read"),
    ):
        now = await state.read_version(connection)
        entries = await state.latest_entries(connection)
        recorded = await state.read_recorded(connection, files)
        relations = {row["relname"]: row["kind"] for row in await connection.fetch(_RELATIONS)}
        foreign_keys = await _foreign_keys(connection)
        problems = [
            *_version_problems(files, now),
            *_file_problems(files, now, entries, recorded),
            *_relation_problems(relations, complete=now.number == files.latest),
            *(
                Problem(
                    "orphan_rows",
                    key.name,
                    f"{key.orphans} rows of {key.child} name a row of {key.parent} that is gone",
                )
                for key in foreign_keys
                if key.orphans
            ),
            *await _catalog_problems(connection),
        ]
    legacy = tuple(name for name in relations if _is_legacy(name))
    return Verification(
        version=now.number,
        latest=files.latest,
        expected=tuple(name for name in relations if name in EXPECTED),
        extra=tuple(name for name in relations if name not in EXPECTED and name not in legacy),
        legacy=legacy,
        foreign_keys=tuple(foreign_keys),
        problems=tuple(problems),
    )


def _is_legacy(name: str) -> bool:
    return name in LEGACY or name.startswith(_LEGACY_PREFIXES)


async def _foreign_keys(connection: asyncpg.Connection) -> list[ForeignKey]:
    found = []
    for key in await connection.fetch(_FOREIGN_KEYS):
        pairs = list(zip(key["child_columns"], key["parent_columns"], strict=True))
        matches = " AND ".join(f"parent.{theirs} = child.{ours}" for ours, theirs in pairs)
        present = " AND ".join(f"child.{ours} IS NOT NULL" for ours, _ in pairs)
        orphans = await connection.fetchval(
            f"SELECT count(*) FROM {key['child']} AS child WHERE {present} "  # noqa: S608 - quoted names
            f"AND NOT EXISTS (SELECT FROM {key['parent']} AS parent WHERE {matches})"
        )
        found.append(ForeignKey(key["conname"], key["child"], key["parent"], orphans))
    return found


def _version_problems(files: Folder, now: state.Version) -> list[Problem]:
    version = "none" if now.number is None else str(now.number)
    if now.dirty:
        return [Problem("dirty", version, "a migration tool was stopped in the middle of this version")]
    if now.number is None or now.number < files.latest:
        return [
            Problem("pending", version, f"the files go on to version {files.latest}: `listings migrate up`")
        ]
    if now.number > files.latest:
        return [Problem("newer", version, f"newer than these files, which end at {files.latest}")]
    return []


def _file_problems(
    files: Folder,
    now: state.Version,
    entries: dict[int, state.LedgerEntry],
    recorded: state.Recorded | None,
) -> list[Problem]:
    problems = [
        Problem("edited_file", name, "differs from what was applied; put changes into a new version")
        for name in edited_files(files, now.number, entries)
    ]
    problems += [
        Problem("missing_file", f"{version:06d}_{entry.name}", "was applied and is not among the files")
        for version, entry in sorted(entries.items())
        if version not in files.by_version and now.number is not None and version <= now.number
    ]
    if recorded is None or now.number is None:
        return problems
    if recorded.number != now.number and not now.dirty:
        moved = f"{recorded.number or 'none'} to {now.number}"
        problems.append(
            Problem("unrecorded", moved, "another tool moved the schema; `listings migrate up` notes that")
        )
    taken_over = recorded.taken_over or 0
    floor = max(min(entries), taken_over if taken_over <= now.number else 0)
    ceiling = min(now.number, recorded.number or now.number)
    problems += [
        Problem("skipped_file", migration.up.path.name, "is below the schema's version and was never applied")
        for migration in files.migrations
        if floor < migration.version <= ceiling and migration.version not in entries
    ]
    return problems


def _relation_problems(relations: dict[str, str], *, complete: bool) -> list[Problem]:
    problems = [
        Problem(
            "legacy_table", name, "an earlier name that still holds a table; a view would serve old readers"
        )
        for name, kind in relations.items()
        if _is_legacy(name) and kind in ("r", "p") and complete
    ]
    if complete:
        problems += [
            Problem("missing_relation", name, "belongs to the latest version")
            for name in sorted(EXPECTED - relations.keys())
        ]
    return problems


async def _catalog_problems(connection: asyncpg.Connection) -> list[Problem]:
    return [
        *(
            Problem(
                "unvalidated_constraint", row["conname"], f"on {row['relation']}: earlier rows may break it"
            )
            for row in await connection.fetch(_UNVALIDATED)
        ),
        *(
            Problem(
                "invalid_index",
                row["name"],
                "left by a concurrent build that failed: drop it, then build it again",
            )
            for row in await connection.fetch(_INVALID_INDEXES)
        ),
        *(
            Problem("disabled_trigger", row["tgname"], f"on {row['relation']}")
            for row in await connection.fetch(_DISABLED_TRIGGERS)
        ),
    ]
