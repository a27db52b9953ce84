"""The baseline is what the earlier service's twenty versions leave behind, so that everything after it fits both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from providers.schema import BASELINE

from listings.migrate import migrate_up

if TYPE_CHECKING:
    import asyncpg

INHERITED: dict[str, dict[str, list[str]]] = yaml.safe_load(
    (Path(__file__).parents[2] / "fixtures/inherited_schema.yaml").read_text()
)

COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) AS value
FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
NAMES = {
    # NOT NULL is a constraint with a name only on newer servers.
    "constraints": "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype <> 'n' ORDER BY 1",
    "indexes": """
        SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE i.indrelid = $1::regclass
            AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u'))
        ORDER BY 1
    """,
    "triggers": "SELECT tgname FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal ORDER BY 1",
}


@pytest.fixture
async def built(empty_dsn: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    await migrate_up(empty_dsn, target=BASELINE)
    return connection


def _words(column: Any) -> str:
    """Return a column of the catalog in the fixture's words."""
    kind = column["type"].replace("character varying", "varchar").replace(" without time zone", "")
    kind = "timestamptz" if kind == "timestamp with time zone" else kind
    value = re.sub(r"::(character varying|text|regclass)\b", "", column["value"] or "")
    # The one deliberate difference: no extension is needed to make a uuid.
    value = value.replace("gen_random_uuid()", "uuid_generate_v4()")
    return f"{column['attname']} {kind}{' not null' if column['attnotnull'] else ''}{f' default {value}' if value else ''}"


async def test_it_builds_the_inherited_tables_and_no_other(built: asyncpg.Connection):
    tables = await built.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
        "AND relname NOT IN ('schema_migrations', 'listings_migration_ledger')"
    )
    assert {row["relname"] for row in tables} == INHERITED.keys()


async def test_it_needs_no_extension(built: asyncpg.Connection):
    installed = await built.fetch("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")
    assert installed == []


@pytest.mark.parametrize("table", sorted(INHERITED))
async def test_a_table_is_built_as_it_was(built: asyncpg.Connection, table: str):
    assert [_words(column) for column in await built.fetch(COLUMNS, table)] == INHERITED[table]["columns"]
    for kind, query in NAMES.items():
        names = [row[0] for row in await built.fetch(query, table)]
        assert sorted(names) == INHERITED[table][kind], kind
