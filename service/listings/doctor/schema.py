"""Whether the schema is what this release needs, and whether the role may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import asyncpg

from listings.migrate import state
from listings.migrate.errors import BadFiles, DirtyState, UnknownState
from listings.migrate.files import load
from listings.migrate.runner import edited_files

if TYPE_CHECKING:
    from listings.doctor.findings import Report

TABLES: Final = (
    "categories", "indexing_queue", "inventory_movements", "listing_attributes", "listing_favorites",
    "listing_images", "listing_locations", "listing_search", "listing_stats", "listing_tags", "listings",
    "product_variants", "storefronts",
)  # fmt: skip

_RIGHTS: Final = """
SELECT wanted.name AS "table", to_regclass(wanted.name) IS NOT NULL AS exists,
    ARRAY(
        SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
        WHERE to_regclass(wanted.name) IS NOT NULL AND NOT has_table_privilege(wanted.name, privilege)
    ) AS lacking
FROM unnest($1::text[]) AS wanted (name) ORDER BY wanted.name
"""
_SEQUENCES: Final = """
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace
    -- CASE, because AND promises no order and the function fails on anything but a sequence.
    AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') ELSE false END
ORDER BY c.relname
"""
_INVALID_INDEXES: Final = """
SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname
"""


async def check_schema(report: Report, connection: asyncpg.Connection[Any]) -> None:
    """Version first: rights on tables that are not there yet say nothing."""
    if not await connection.fetchval("SELECT current_schema() IS NOT NULL"):
        report.error(
            "SCHEMA_FORBIDDEN",
            "The role may use no schema of its search_path",
            why="No table can be found.",
            fix="GRANT USAGE ON SCHEMA public TO the role.",
        )
        return
    if await _check_version(report, connection):
        await _check_rights(report, connection)
        invalid = [row["relname"] for row in await connection.fetch(_INVALID_INDEXES)]
        if invalid:
            report.warning(
                "INDEX_INVALID",
                f"Unusable indexes: {', '.join(invalid)}",
                why="A concurrent build was stopped; writes pay for them and reads do not use them.",
                fix="listings migrate verify names the file; REINDEX INDEX CONCURRENTLY mends one.",
            )


async def _check_version(report: Report, connection: asyncpg.Connection[Any]) -> bool:
    """Whether the schema is complete enough to look closer."""
    try:
        files = load()
        version = await state.read_version(connection)
        await state.check_known(connection, files, version)
        entries = await state.latest_entries(connection)
    except BadFiles as error:
        report.error("MIGRATION_FILES", error.message, why="The schema cannot be compared.", fix=error.remedy)
        return False
    except DirtyState as error:
        report.error(
            "SCHEMA_DIRTY", error.message, why="No migration runs until it is settled.", fix=error.remedy
        )
        return False
    except UnknownState as error:
        code = "SCHEMA_NEWER" if error.version and error.version > files.latest else "SCHEMA_UNKNOWN"
        report.error(
            code, error.message, why="This release cannot know what it would work on.", fix=error.remedy
        )
        return False
    except asyncpg.InsufficientPrivilegeError as error:
        report.error(
            "PERMISSION_MISSING",
            f"The schema's version cannot be read: {error}",
            why="Whether the schema is right stays unknown.",
            fix="GRANT SELECT ON schema_migrations, listings_migration_ledger TO the role.",
        )
        return True
    if version.number is None:
        report.error(
            "SCHEMA_MISSING",
            "The database is empty",
            why="The service needs its tables.",
            fix="listings migrate up",
        )
        return False
    pending = [each for each in files.migrations if each.version > version.number]
    if pending:
        report.error(
            "SCHEMA_PENDING",
            f"The schema is at version {version.number}, {len(pending)} migrations behind {files.latest}",
            why="Statements of this release name columns that are not there yet.",
            fix="listings migrate plan, then: listings migrate up",
        )
        return False
    edited = edited_files(files, version.number, entries)
    if edited:
        report.warning(
            "MIGRATION_EDITED",
            f"Edited after they had been applied: {', '.join(edited)}",
            why="The schema may differ from what the files say.",
            fix="Restore the files; changes belong into a new version.",
        )
    report.fine.append(f"schema at version {version.number}, the latest")
    return True


async def _check_rights(report: Report, connection: asyncpg.Connection[Any]) -> None:
    rows = await connection.fetch(_RIGHTS, list(TABLES))
    absent = [row["table"] for row in rows if not row["exists"]]
    if absent:
        report.error(
            "TABLE_MISSING",
            f"Tables are missing: {', '.join(absent)}",
            why="The schema's version says they exist; somebody removed or renamed them.",
            fix="listings migrate verify shows all differences; restore them from a backup.",
        )
    lacking = {row["table"]: row["lacking"] for row in rows if row["lacking"]}
    if lacking:
        rights = ", ".join(dict.fromkeys(right for each in lacking.values() for right in each))
        role = await connection.fetchval("SELECT quote_ident(current_user)")
        report.error(
            "PERMISSION_MISSING",
            f"The role lacks {rights} on {', '.join(lacking)}",
            why="Calls that need it would fail.",
            fix=f"GRANT {rights} ON {', '.join(lacking)} TO {role};",
        )
    sequences = [row["relname"] for row in await connection.fetch(_SEQUENCES)]
    if sequences:
        role = await connection.fetchval("SELECT quote_ident(current_user)")
        report.error(
            "SEQUENCE_FORBIDDEN",
            f"The role may not draw numbers from {', '.join(sequences)}",
            why="Inserts would fail.",
            fix=f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};",
        )
