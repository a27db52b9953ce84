"""Our lock is golang-migrate's."""

from __future__ import annotations

import pytest

from listings.migrate.lock import lock_id, lock_ids


@pytest.mark.parametrize(
    ("database", "schema", "table", "number"),
    [
        # Numbers printed by golang-migrate 4.19.1's own function for these names.
        ("listings_db", "public", "schema_migrations", 1514169016),
        ("postgres", "public", "schema_migrations", 143310882),
        ("Ћирилица", "shop", "schema_migrations", 2261604182),
        ("listings", "public", "other_table", 3507601109),
    ],
)
def test_the_lock_number_is_the_one_golang_migrate_takes(database: str, schema: str, table: str, number: int):
    assert lock_id(database, schema, table) == number


def test_both_ways_to_name_a_database_are_locked():
    # golang-migrate's command line takes the path of the address for the name, slash included.
    assert lock_ids("listings_db", "public") == (
        lock_id("/listings_db", "public"),
        lock_id("listings_db", "public"),
    )
