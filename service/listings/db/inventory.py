"""The inventory ledger in PostgreSQL, for every repository that changes stock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.db.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.db.connections import Session
    from listings.domain.inventory import Movement

_RECORD: Final = statement("inventory", "record")


async def record(session: Session, movements: Sequence[Movement]) -> None:
    """Write movements within the caller's transaction: together with the stock change, or not at all."""
    if not movements:
        return
    await session.execute(
        _RECORD,
        [m.listing_id for m in movements],
        [m.variant_id for m in movements],
        [m.type.value for m in movements],
        [m.quantity for m in movements],
        [m.delta for m in movements],
        [m.stock_before for m in movements],
        [m.stock_after for m in movements],
        [m.reason for m in movements],
        [m.notes for m in movements],
        [m.user_id for m in movements],
    )
