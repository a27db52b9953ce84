"""A run continues only what it knows, and says what to do about everything else."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from listings.migrate import goto, migrate_up
from listings.migrate.errors import BadFiles, DirtyState, MigrationError, StatementFailed, UnknownState
from listings.migrate.files import default_folder, load
from listings.migrate.plan import read_plan, read_status
from listings.migrate.runner import Options, force
from listings.migrate.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

FILES = load()


@pytest.fixture
def own_files(tmp_path: Path) -> Path:
    """Give a copy of the migration folder that a test may change."""
    return shutil.copytree(default_folder(), tmp_path / "migrations")


def _rewrite(folder: Path, old: bytes, new: bytes) -> None:
    for file in folder.glob("*.sql"):
        file.write_bytes(file.read_bytes().replace(old, new))


async def _kinds(dsn: str, folder: Path | None = None) -> set[tuple[str, str]]:
    return {(problem.kind, problem.subject) for problem in (await verify(dsn, folder)).problems}


async def test_a_database_at_twenty_of_another_tool_is_continued_without_replay(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("DROP TABLE listings_migration_ledger")

    report = await migrate_up(baseline_dsn)

    assert (report.before, report.after, report.steps[0].version) == (20, FILES.latest, 21)
    first = await connection.fetchrow("SELECT version, direction FROM listings_migration_ledger ORDER BY id")
    assert tuple(first) == (20, "adopted")
    assert await _kinds(baseline_dsn) == set()


async def test_a_dirty_version_of_another_tool_is_refused_with_the_command_that_mends_it(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("UPDATE schema_migrations SET version = 23, dirty = true")

    with pytest.raises(DirtyState, match="version 23 is marked dirty") as refused:
        await migrate_up(baseline_dsn)

    assert "listings migrate force 23 --yes" in refused.value.remedy
    assert ("dirty", "23") in await _kinds(baseline_dsn)
    assert (await read_status(baseline_dsn)).dirty
    await force(baseline_dsn, version=20)
    assert (await migrate_up(baseline_dsn)).after == FILES.latest


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (9_999, "newer than these files"),
        (203, "newer than these files"),  # a state that another service's files reached
        (19, "do not know"),  # below the baseline
    ],
)
async def test_a_version_that_is_not_ours_is_refused(
    version: int, words: str, baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("UPDATE schema_migrations SET version = $1", version)

    with pytest.raises(UnknownState, match=words):
        await migrate_up(baseline_dsn)

    assert await connection.fetchval("SELECT version FROM schema_migrations") == version


async def test_a_database_with_tables_and_no_version_is_refused_untouched(
    empty_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("CREATE TABLE someone_elses (id integer)")

    with pytest.raises(UnknownState, match="someone_elses"):
        await migrate_up(empty_dsn)

    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200"
    )
    assert [row["relname"] for row in tables] == ["someone_elses"]


async def test_an_edited_file_stops_the_next_run(empty_dsn: str, own_files: Path):
    await migrate_up(empty_dsn, own_files)
    file = own_files / "000022_listing_uuid_without_extension.up.sql"
    file.write_text(file.read_text() + "-- edited\n")

    with pytest.raises(BadFiles, match=file.stem):
        await migrate_up(empty_dsn, own_files)

    assert await _kinds(empty_dsn, own_files) == {("edited_file", file.name)}
    await migrate_up(empty_dsn, own_files, options=Options(allow_edited=True))


async def test_line_ends_are_no_edit(empty_dsn: str, own_files: Path):
    await migrate_up(empty_dsn, own_files)
    _rewrite(own_files, b"\n", b"\r\n")

    await migrate_up(empty_dsn, own_files)


async def test_a_file_that_is_gone_is_named(empty_dsn: str, own_files: Path):
    await migrate_up(empty_dsn, own_files)
    (own_files / "000022_listing_uuid_without_extension.up.sql").unlink()
    (own_files / "000022_listing_uuid_without_extension.down.sql").unlink()

    assert await _kinds(empty_dsn, own_files) == {("missing_file", "000022_listing_uuid_without_extension")}


async def test_a_broken_statement_leaves_the_version_before_it(
    empty_dsn: str, connection: asyncpg.Connection, own_files: Path
):
    number = FILES.latest + 1
    (own_files / f"{number:06d}_broken.up.sql").write_text("CREATE TABLE half (id integer);\nSELECT 1 / 0;\n")
    (own_files / f"{number:06d}_broken.down.sql").write_text("-- nothing\n")

    with pytest.raises(StatementFailed, match="division by zero"):
        await migrate_up(empty_dsn, own_files)

    assert await connection.fetchval("SELECT to_regclass('half')") is None
    assert await connection.fetchval("SELECT version FROM schema_migrations") == FILES.latest
    failed = await connection.fetchrow(
        "SELECT outcome, error FROM listings_migration_ledger ORDER BY id DESC"
    )
    assert tuple(failed) == ("failed", "division by zero")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "UPDATE listings SET storefront_id = 1, sku = 'SAME' WHERE id IN (2, 4)",
            "storefront 1, sku 'SAME': products 2, 4",
        ),
        ("UPDATE b2c_product_variants SET is_default = true", "product 2: variants 1, 2"),
    ],
)
async def test_rows_that_break_a_coming_rule_are_listed_before_anything_changes(
    change: str, words: str, baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute(change)

    with pytest.raises(StatementFailed, match=words) as refused:
        await migrate_up(baseline_dsn)

    assert "Nothing has been changed" in refused.value.remedy
    assert await connection.fetchval("SELECT version FROM schema_migrations") == 20
    assert await connection.fetchval("SELECT to_regclass('c2c_categories')") is not None


async def test_a_database_without_a_variants_table_gets_one(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("DROP TABLE b2c_product_variants")

    await migrate_up(baseline_dsn)

    assert await _kinds(baseline_dsn) == set()
    await connection.execute("INSERT INTO product_variants (product_id) VALUES (2)")


async def test_rows_in_a_table_named_variants_are_reported_with_the_command_that_adopts_it(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("ALTER TABLE b2c_product_variants RENAME TO variants")

    with pytest.raises(StatementFailed, match="variants holds rows") as refused:
        await migrate_up(baseline_dsn)

    assert "ALTER TABLE variants RENAME TO product_variants" in refused.value.remedy
    assert await connection.fetchval("SELECT version FROM schema_migrations") == 20
    await connection.execute("ALTER TABLE variants RENAME TO product_variants")  # the remedy
    await migrate_up(baseline_dsn)
    assert await _kinds(baseline_dsn) == set()
    assert await connection.fetchval("SELECT count(*) FROM product_variants") == 2


async def test_columns_and_tables_that_have_their_new_shape_already_are_kept(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute(
        """
        ALTER TABLE c2c_favorites RENAME TO listing_favorites;
        ALTER TABLE c2c_categories ADD COLUMN title_ru varchar(255);
        UPDATE c2c_categories SET title_ru = 'Имя' WHERE id = 1;
        ALTER TABLE inventory_movements ADD COLUMN order_id varchar(255);
        UPDATE inventory_movements SET order_id = 'ORDER-1' WHERE id = 2;
        """
    )

    await migrate_up(baseline_dsn)

    assert await _kinds(baseline_dsn) == set()
    assert await connection.fetchval("SELECT title_ru FROM categories WHERE id = 1") == "Имя"
    assert await connection.fetchval("SELECT order_id FROM inventory_movements WHERE id = 2") == "ORDER-1"
    assert await connection.fetchval("SELECT count(*) FROM listing_favorites") == 3


async def test_verify_names_orphans_unvalidated_rules_and_missing_relations(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await migrate_up(baseline_dsn)
    await connection.execute(
        """
        ALTER TABLE listing_tags DROP CONSTRAINT listing_tags_listing_id_fkey;
        INSERT INTO listing_tags (listing_id, tag) VALUES (999, 'lost');
        ALTER TABLE listing_tags ADD CONSTRAINT listing_tags_listing_id_fkey
            FOREIGN KEY (listing_id) REFERENCES listings (id) NOT VALID;
        DROP TABLE listing_stats;
        ALTER TABLE listings DISABLE TRIGGER listing_search_add;
        CREATE TABLE c2c_categories_backup_20251110 (id integer);
        CREATE TABLE neighbour (id integer);
        """
    )

    found = await verify(baseline_dsn)

    assert {(problem.kind, problem.subject) for problem in found.problems} == {
        ("orphan_rows", "listing_tags_listing_id_fkey"),
        ("unvalidated_constraint", "listing_tags_listing_id_fkey"),
        ("missing_relation", "listing_stats"),
        ("disabled_trigger", "listing_search_add"),
        ("legacy_table", "c2c_categories_backup_20251110"),
    }
    assert found.extra == ("neighbour",)


async def test_plan_shows_what_up_then_does(baseline_dsn: str):
    planned = await read_plan(baseline_dsn)
    report = await migrate_up(baseline_dsn)

    assert [file.version for file in planned.files] == [step.version for step in report.steps]
    assert all(file.summary and file.locks for file in planned.files)
    index = next(file for file in planned.files if file.name == "movement_order")
    assert [statement.lock for statement in index.statements] == ["SHARE UPDATE EXCLUSIVE"]
    assert [table.name for table in index.tables] == ["inventory_movements"]
    assert (await read_plan(baseline_dsn)).files == ()


async def test_status_counts_what_is_pending(baseline_dsn: str):
    status = await read_status(baseline_dsn)

    assert (status.version, status.latest, status.pending) == (20, FILES.latest, len(FILES.migrations) - 1)
    await goto(baseline_dsn, target=30)
    assert (await read_status(baseline_dsn)).pending == len(FILES.migrations) - 11


async def test_a_version_that_does_not_exist_is_refused(empty_dsn: str):
    with pytest.raises(MigrationError, match="there is no version 21000"):
        await goto(empty_dsn, target=21_000)
