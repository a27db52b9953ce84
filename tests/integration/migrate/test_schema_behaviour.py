"""What the schema does by itself: slugs, delete markers, search documents, movements that outlive their product."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import asyncpg
import pytest

from listings.migrate import migrate_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    session = await asyncpg.connect(dsn)
    await session.execute("INSERT INTO categories (name, slug) VALUES ('Shoes', 'shoes')")
    yield session
    await session.close()


async def _list(session: asyncpg.Connection, title: str, **columns: object) -> int:
    names = "".join(f", {name}" for name in columns)
    places = "".join(f", ${number}" for number in range(2, len(columns) + 2))
    number: int = await session.fetchval(
        f"INSERT INTO listings (user_id, category_id, price, status, title{names}) "
        f"VALUES (1, 1, 1, 'active', $1{places}) RETURNING id",
        title,
        *columns.values(),
    )
    return number


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Nike Air  Max!", "nike-air-max"),
        ("Ципеле за Ђорђа", "cipele-za-dorda"),
        ("Красные кроссовки", "krasnye-krossovki"),
    ],
)
async def test_a_title_without_a_slug_gets_one(title: str, slug: str, session: asyncpg.Connection):
    first, second = await _list(session, title), await _list(session, title)

    assert await session.fetchval("SELECT slug FROM listings WHERE id = $1", first) == slug
    assert await session.fetchval("SELECT slug FROM listings WHERE id = $1", second) == f"{slug}-{second}"


@pytest.mark.parametrize("title", ["旧书出售", "كتاب قديم", "🎁🎁🎁"])
async def test_titles_of_other_scripts_get_a_slug_of_their_own(title: str, session: asyncpg.Connection):
    await _list(session, title)
    number = await _list(session, title)

    slug = await session.fetchval("SELECT slug FROM listings WHERE id = $1", number)
    uuid = await session.fetchval("SELECT uuid::text FROM listings WHERE id = $1", number)
    assert slug == f"listing-{uuid[:8]}"


async def test_a_given_slug_stays(session: asyncpg.Connection):
    number = await _list(session, "Any title", slug="chosen")
    await session.execute("UPDATE listings SET title = 'Another title' WHERE id = $1", number)

    assert await session.fetchval("SELECT slug FROM listings WHERE id = $1", number) == "chosen"


@pytest.mark.parametrize(
    ("change", "deleted"),
    [
        ("is_deleted = true", True),
        ("deleted_at = now()", True),
        ("is_deleted = true, deleted_at = now()", True),
        ("quantity = 3", False),
    ],
)
async def test_either_delete_marker_sets_both_and_clears_both(
    change: str,
    deleted: bool,  # noqa: FBT001 - a table of cases
    session: asyncpg.Connection,
):
    async def markers() -> tuple[bool, bool]:
        row = await session.fetchrow(
            "SELECT is_deleted, deleted_at IS NOT NULL FROM listings WHERE id = $1", number
        )
        return row[0], row[1]

    number = await _list(session, "Soon gone")

    await session.execute(f"UPDATE listings SET {change} WHERE id = $1", number)
    assert await markers() == (deleted, deleted)
    for undo in ("is_deleted = false", "deleted_at = NULL"):
        await session.execute("UPDATE listings SET is_deleted = true WHERE id = $1", number)
        await session.execute(f"UPDATE listings SET {undo} WHERE id = $1", number)
        assert await markers() == (False, False), undo


async def test_rows_with_one_marker_are_completed_by_the_migration(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("UPDATE listings SET deleted_at = '2026-01-01' WHERE id = 2")
    await connection.execute("UPDATE listings SET is_deleted = true WHERE id = 3")

    await migrate_up(baseline_dsn)

    rows = await connection.fetch(
        "SELECT id FROM listings WHERE is_deleted AND deleted_at IS NOT NULL ORDER BY id"
    )
    assert [row["id"] for row in rows] == [2, 3, 40]
    assert (
        str(await connection.fetchval("SELECT deleted_at::date FROM listings WHERE id = 2")) == "2026-01-01"
    )


async def test_movements_outlive_their_product_and_variant(session: asyncpg.Connection):
    product = await _list(session, "Short lived", source_type="b2c")
    variant = await session.fetchval(
        "INSERT INTO product_variants (product_id) VALUES ($1) RETURNING id", product
    )
    await session.execute(
        "INSERT INTO inventory_movements (listing_id, variant_id, movement_type, quantity) VALUES ($1, $2, 'in', 1)",
        product,
        variant,
    )

    await session.execute("DELETE FROM listings WHERE id = $1", product)

    kept = await session.fetchrow("SELECT listing_id, variant_id FROM inventory_movements")
    assert tuple(kept) == (product, variant)


@pytest.mark.parametrize("spelling", ["Ђорђе", "ЂОРЂЕ", "Đorđe", "djordje", "DJORDJE", "Dorde"])
async def test_all_spellings_of_a_serbian_word_are_one(spelling: str, session: asyncpg.Connection):
    assert await session.fetchval("SELECT listings_fold($1)", spelling) == "dorde"


@pytest.mark.parametrize(
    ("cyrillic", "latin", "folded"),
    [
        ("љубав", "ljubav", "ljubav"),
        ("џемпер", "džemper", "dzemper"),
        ("ћевап", "ćevap", "cevap"),
        ("Жабљак", "Žabljak", "zabljak"),
    ],
)
async def test_both_serbian_scripts_fold_alike(
    cyrillic: str, latin: str, folded: str, session: asyncpg.Connection
):
    assert await session.fetchval("SELECT listings_fold($1)", cyrillic) == folded
    assert await session.fetchval("SELECT listings_fold($1)", latin) == folded


_MATCHES = """
SELECT document @@ (to_tsquery('russian', listings_lower($2)) || to_tsquery('simple', listings_fold($2) || ':*'))
FROM listing_search WHERE listing_id = $1
"""


@pytest.mark.parametrize(
    ("title", "asked"),
    [
        ("Красные кроссовки", "кроссовкам"),  # stem
        ("Running shoes", "shoe"),  # stem
        ("Ципеле Ђорђе", "djordje"),  # the other script
        ("Cipele Đorđe", "Ђорђе"),
        ("Motorola telefon", "moto"),  # prefix
        ("Ёлка новогодняя", "елка"),
    ],
)
async def test_a_listing_is_found_as_people_ask(title: str, asked: str, session: asyncpg.Connection):
    number = await _list(session, title)

    assert await session.fetchval(_MATCHES, number, asked)


async def test_a_changed_title_is_found_and_its_old_one_is_not(session: asyncpg.Connection):
    number = await _list(session, "Motorola")
    await session.execute("UPDATE listings SET title = 'Samsung' WHERE id = $1", number)

    assert await session.fetchval(_MATCHES, number, "samsung")
    assert not await session.fetchval(_MATCHES, number, "motorola")


@pytest.mark.parametrize("typo", ["motorolla", "motoroka", "mtorola", "otorola", "motrola", "moptorola"])
async def test_one_wrong_letter_leaves_one_run_of_trigrams_whole(typo: str, session: asyncpg.Connection):
    number = await _list(session, "Telefon Motorola, kao nov")
    trigrams: list[str] = await session.fetchval("SELECT listings_trigrams($1)", typo)
    third = -(-len(trigrams) // 3)
    runs = [trigrams[start : start + third] for start in range(0, len(trigrams), third)]

    assert await session.fetchval(
        "SELECT title_trigrams @> $2 OR title_trigrams @> $3 OR title_trigrams @> $4 "
        "FROM listing_search WHERE listing_id = $1",
        number,
        *runs,
    )


async def test_listings_from_before_the_triggers_are_searchable(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await migrate_up(baseline_dsn)

    assert await connection.fetchval("SELECT count(*) FROM listing_search") == 39  # one is deleted
    assert await connection.fetchval("SELECT bool_and(document <> '') FROM listing_search")


async def test_nothing_that_a_sale_or_a_view_changes_is_indexed(session: asyncpg.Connection):
    # Such an update may then stay on its page (HOT) and touch no index at all.
    definitions = await session.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'listings'")

    for column in ("quantity", "sold_count", "view_count", "favorites_count", "updated_at"):
        assert [
            row["indexdef"] for row in definitions if re.search(rf"\b{column}\b", row["indexdef"])
        ] == [], column
