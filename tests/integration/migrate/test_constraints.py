"""Every rule of the schema refuses what it is there to refuse.

The cases are compared with the catalog, so that a new constraint or unique index without a case fails here:
add one to VIOLATIONS under its name.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import asyncpg
import pytest
from providers.schema import BASELINE, ROWS_AT_BASELINE

from listings.migrate import migrate_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from providers.postgres import Databases, PostgresServer

_RULES: Final = """
SELECT conname AS name FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'u', 'p', 'f')
    AND conrelid NOT IN ('schema_migrations'::regclass, 'listings_migration_ledger'::regclass)
UNION
SELECT indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
    AND i.indrelid NOT IN ('schema_migrations'::regclass, 'listings_migration_ledger'::regclass)
"""


def _listing(change: str) -> str:
    return f"UPDATE listings SET {change} WHERE id = 2"


def _again(table: str, columns: str, where: str = "true") -> str:
    """Insert a copy of a row that exists."""
    return f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE {where} LIMIT 1"


def _movement(columns: str, values: str, *, times: int = 1) -> str:
    row = f"({values})"
    return f"INSERT INTO inventory_movements ({columns}) VALUES {', '.join([row] * times)}"


_ORDER = "listing_id, variant_id, order_id, movement_type, quantity"

VIOLATIONS: Final[dict[str, str]] = {
    # categories
    "c2c_categories_pkey": "INSERT INTO categories (id, name, slug) VALUES (1, 'n', 'new-slug')",
    "c2c_categories_slug_key": "INSERT INTO categories (name, slug) VALUES ('n', 'category-1')",
    "c2c_categories_parent_id_fkey": "INSERT INTO categories (name, slug, parent_id, level) VALUES ('n', 's', 999, 1)",
    "check_root_categories_level": "INSERT INTO categories (name, slug, level) VALUES ('n', 's', 1)",
    # storefronts
    "storefronts_pkey": "INSERT INTO storefronts (id, user_id, slug, name) VALUES (1, 1, 's', 'n')",
    "storefronts_slug_key": "INSERT INTO storefronts (user_id, slug, name) VALUES (1, 'shop-1', 'n')",
    # listings
    "listings_pkey": _listing("id = 1"),
    "listings_uuid_key": _listing("uuid = (SELECT uuid FROM listings WHERE id = 1)"),
    "listings_category_id_check": _listing("category_id = 0"),
    "fk_listings_category_id": _listing("category_id = 999"),
    "listings_location_privacy_check": _listing("location_privacy = 'public'"),
    "listings_price_check": _listing("price = 0"),
    "listings_quantity_check": _listing("quantity = -1"),
    "listings_source_type_check": _listing("source_type = 'd2d'"),
    "listings_status_check": _listing("status = 'deleted'"),
    "listings_stock_status_check": _listing("stock_status = 'preorder'"),
    "listings_title_check": _listing("title = '  ab  '"),
    "listings_user_id_check": _listing("user_id = 0"),
    "listings_visibility_check": _listing("visibility = 'secret'"),
    "idx_listings_slug": _listing("slug = (SELECT slug FROM listings WHERE id = 1)"),
    "listings_storefront_sku_unique": "UPDATE listings SET storefront_id = 1, sku = 'SAME' WHERE id IN (2, 4)",
    # The trigger completes the markers; without it the rule itself refuses.
    "listings_delete_markers_check": (
        "ALTER TABLE listings DISABLE TRIGGER listings_align_delete_markers_on_update; "
        + _listing("deleted_at = now()")
    ),
    # children of listings
    "listing_attributes_pkey": "INSERT INTO listing_attributes (id, listing_id, attribute_key) VALUES (1, 2, 'k')",
    "listing_attributes_listing_id_fkey": "INSERT INTO listing_attributes (listing_id, attribute_key) VALUES (999, 'k')",
    "listing_attributes_listing_id_attribute_key_key": _again(
        "listing_attributes", "listing_id, attribute_key"
    ),
    "listing_images_pkey": _again("listing_images", "id, listing_id, url"),
    "listing_images_listing_id_fkey": "INSERT INTO listing_images (listing_id, url) VALUES (999, 'u')",
    "listing_tags_pkey": "INSERT INTO listing_tags (id, listing_id, tag) VALUES (1, 2, 't')",
    "listing_tags_listing_id_fkey": "INSERT INTO listing_tags (listing_id, tag) VALUES (999, 't')",
    "listing_tags_listing_id_tag_key": _again("listing_tags", "listing_id, tag"),
    "listing_locations_pkey": "INSERT INTO listing_locations (id, listing_id) VALUES (1, 2)",
    "listing_locations_listing_id_fkey": "INSERT INTO listing_locations (listing_id) VALUES (999)",
    "listing_locations_listing_id_key": _again("listing_locations", "listing_id"),
    "listing_stats_pkey": _again("listing_stats", "listing_id"),
    "listing_stats_listing_id_fkey": "INSERT INTO listing_stats (listing_id) VALUES (999)",
    "listing_search_pkey": _again(
        "listing_search", "listing_id, category_id, price, created_at, source_type, document, title_trigrams"
    ),
    "listing_search_listing_id_fkey": "INSERT INTO listing_search VALUES (999, 1, NULL, 1, now(), 'c2c', '', '{}')",
    # indexing queue
    "indexing_queue_pkey": "INSERT INTO indexing_queue (id, listing_id, operation) VALUES (1, 2, 'index')",
    "indexing_queue_operation_check": "INSERT INTO indexing_queue (listing_id, operation) VALUES (2, 'drop')",
    "indexing_queue_status_check": "UPDATE indexing_queue SET status = 'lost'",
    "idx_indexing_queue_listing_id_pending": _again("indexing_queue", "listing_id, operation"),
    # favorites
    "c2c_favorites_pkey": _again("listing_favorites", "user_id, listing_id"),
    "fk_c2c_favorites_listing_id": "INSERT INTO listing_favorites (user_id, listing_id) VALUES (1, 999)",
    # chats and messages, owned elsewhere
    "c2c_chats_pkey": "INSERT INTO c2c_chats (id, listing_id, buyer_id, seller_id) VALUES (1, 2, 3, 4)",
    "check_chat_target": (
        "INSERT INTO c2c_chats (listing_id, storefront_product_id, buyer_id, seller_id) VALUES (1, 1, 3, 4)"
    ),
    "c2c_chats_listing_id_buyer_id_seller_id_key": _again("c2c_chats", "listing_id, buyer_id, seller_id"),
    "c2c_chats_storefront_product_id_buyer_id_seller_id_key": (
        "INSERT INTO c2c_chats (storefront_product_id, buyer_id, seller_id) VALUES (1, 2, 3), (1, 2, 3)"
    ),
    "c2c_chats_least_greatest_idx1": "INSERT INTO c2c_chats (buyer_id, seller_id) VALUES (1, 2), (2, 1)",
    "c2c_messages_pkey": "INSERT INTO c2c_messages (id, content) VALUES (1, 'm')",
    "check_message_target": "UPDATE c2c_messages SET storefront_product_id = 1",
    # variants
    "b2c_product_variants_pkey": "INSERT INTO product_variants (id, product_id) VALUES (1, 2)",
    "b2c_product_variants_sku_unique": "INSERT INTO product_variants (product_id, sku) VALUES (4, 'V-1')",
    "fk_b2c_product_variants_product_id": "INSERT INTO product_variants (product_id) VALUES (999)",
    "b2c_product_variants_price_check": "UPDATE product_variants SET price = -1",
    "b2c_product_variants_compare_at_price_check": "UPDATE product_variants SET compare_at_price = -1",
    "b2c_product_variants_cost_price_check": "UPDATE product_variants SET cost_price = -1",
    "b2c_product_variants_stock_quantity_check": "UPDATE product_variants SET stock_quantity = -1",
    "b2c_product_variants_stock_status_check": "UPDATE product_variants SET stock_status = 'preorder'",
    "product_variants_one_default": "UPDATE product_variants SET is_default = true",
    # the stock ledger
    "inventory_movements_pkey": _movement("id, listing_id, movement_type, quantity", "1, 2, 'in', 1"),
    "inventory_movements_type_check": _movement("listing_id, movement_type, quantity", "2, 'gift', 1"),
    "inventory_movements_quantity_check": _movement("listing_id, movement_type, quantity", "2, 'in', 0"),
    "inventory_movements_delta_check": _movement(
        "listing_id, movement_type, quantity, delta, stock_before, stock_after", "2, 'in', 1, 1, 5, 7"
    ),
    "inventory_movements_decrement_once": _movement(_ORDER, "2, NULL, 'order-1', 'decrement', 1", times=2),
    "inventory_movements_rollback_once": _movement(_ORDER, "2, 1, 'order-1', 'rollback', 1", times=2),
    "inventory_movements_idempotency_key": _movement(
        "listing_id, idempotency_key, movement_type, quantity", "2, 'key', 'in', 1", times=2
    ),
}

ALLOWED: Final[dict[str, str]] = {
    "an adjustment to nothing": _movement("listing_id, movement_type, quantity", "2, 'adjustment', 0"),
    "the opening row of an empty product": _movement(
        "listing_id, movement_type, quantity", "2, 'opening', 0"
    ),
    "one order with two variants of one product": (
        f"INSERT INTO inventory_movements ({_ORDER}) VALUES "
        "(2, 1, 'order-1', 'decrement', 1), (2, 2, 'order-1', 'decrement', 1), (2, NULL, 'order-1', 'decrement', 1)"
    ),
    "taking and giving back under one order": (
        f"INSERT INTO inventory_movements ({_ORDER}) VALUES "
        "(2, NULL, 'order-1', 'decrement', 1), (2, NULL, 'order-1', 'rollback', 1)"
    ),
    "decrements without an order": _movement(_ORDER, "2, NULL, NULL, 'decrement', 1", times=2),
    "one idempotency key for many items": (
        "INSERT INTO inventory_movements (listing_id, idempotency_key, movement_type, quantity) "
        "VALUES (2, 'key', 'in', 1), (4, 'key', 'in', 1)"
    ),
    "the sku of a deleted product": (
        "UPDATE listings SET storefront_id = 1, sku = 'SAME' WHERE id IN (2, 40) AND (id = 40) = is_deleted"
    ),
    "the sku of another storefront": "UPDATE listings SET storefront_id = id, sku = 'SAME' WHERE id IN (2, 4)",
    "products without a sku": "UPDATE listings SET storefront_id = 1, sku = '' WHERE id IN (2, 4)",
    "the third source of listings": _listing("source_type = 'storefront'"),
}


@pytest.fixture(scope="module")
def seeded_dsn(databases: Databases, postgres: PostgresServer) -> Iterator[str]:
    name = databases.create()
    dsn = postgres.dsn(name)

    async def seed() -> None:
        await migrate_up(dsn, target=BASELINE)
        session = await asyncpg.connect(dsn)
        await session.execute(ROWS_AT_BASELINE)
        await session.close()
        await migrate_up(dsn)

    asyncio.run(seed())
    yield dsn
    databases.drop(name)


@pytest.fixture
async def session(seeded_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a session whose changes are thrown away."""
    session = await asyncpg.connect(seeded_dsn)
    transaction = session.transaction()
    await transaction.start()
    yield session
    await transaction.rollback()
    await session.close()


async def test_every_rule_of_the_catalog_has_a_case(session: asyncpg.Connection):
    rules = {row["name"] for row in await session.fetch(_RULES)}

    assert sorted(rules) == sorted(VIOLATIONS)


@pytest.mark.parametrize("rule", VIOLATIONS)
async def test_a_rule_refuses(rule: str, session: asyncpg.Connection):
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await session.execute(VIOLATIONS[rule])

    assert refused.value.constraint_name == rule


@pytest.mark.parametrize("case", ALLOWED)
async def test_a_rule_allows(case: str, session: asyncpg.Connection):
    await session.execute(ALLOWED[case])
