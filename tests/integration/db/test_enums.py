"""Names that both Python and a CHECK list: a value added on one side only is found here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import asyncpg
import pytest

from listings.db.indexing import Operation
from listings.domain.inventory import MovementType
from listings.domain.listings import SourceType, Status

if TYPE_CHECKING:
    from enum import StrEnum


@pytest.mark.parametrize(
    ("constraint", "names"),
    [
        ("listings_status_check", Status),
        ("listings_source_type_check", SourceType),
        ("inventory_movements_type_check", MovementType),
        ("indexing_queue_operation_check", Operation),
    ],
)
async def test_enum_and_check_agree(shared_dsn: str, constraint: str, names: type[StrEnum]) -> None:
    connection = await asyncpg.connect(shared_dsn)
    try:
        definition = await connection.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", constraint
        )
    finally:
        await connection.close()
    assert set(re.findall(r"'(\w+)'", definition)) == set(names), (
        f"{constraint} and {names.__name__} differ: change the enum, and the CHECK by a migration"
    )
