"""The older message family's view of `product_variants`. Whoever writes has locked the listing first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from listings.db.constraints import means
from listings.db.inventory import record
from listings.db.listings import flat_attributes
from listings.db.statements import statement
from listings.domain.inventory import Movement, MovementType, stock_status
from listings.domain.listing_variants import VariantSkuTaken
from listings.domain.listings import ListingVariant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.db.connections import Connections
    from listings.db.session import Session
    from listings.domain.listing_variants import ListingVariantChange, NewListingVariant

_OF_LISTING: Final = statement("listing_variants", "of_listing")
_LISTING_OF: Final = statement("listing_variants", "listing_of")
_CREATE: Final = statement("listing_variants", "create")
_LOCK: Final = statement("listing_variants", "lock")
_CHANGE: Final = statement("listing_variants", "change")
_REMOVE: Final = statement("listing_variants", "remove")
_CHOOSE_DEFAULT: Final = statement("listing_variants", "choose_default")
_MARK_LISTING: Final = statement("listing_variants", "mark_listing")

means("b2c_product_variants_sku_unique", VariantSkuTaken)


class ListingVariantRows:
    """Reads and writes variants; every change of stock goes through the inventory ledger."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def of_listing(self, listing_id: int) -> list[ListingVariant]:
        """A listing's variants, oldest first; none of an unknown or deleted one."""
        return [
            ListingVariant(
                id=row["id"],
                listing_id=row["listing_id"],
                sku=row["sku"],
                price=row["price"],
                stock=row["stock_quantity"],
                attributes=flat_attributes(row["variant_attributes"]),
                image_url=row["image_url"],
                is_active=row["is_active"],
                created_at=row["created_at"],
                updated_at=row["updated_at"],
            )
            for row in await self._connections.fetch(_OF_LISTING, listing_id)
        ]

    async def listing_of(self, session: Session, variant_id: int) -> int | None:
        """The id of a variant's listing, or None when there is no such variant."""
        found: int | None = await session.fetchval(_LISTING_OF, variant_id)
        return found

    async def create(
        self, session: Session, listing_id: int, new: Sequence[NewListingVariant], *, user_id: int
    ) -> None:
        """Store variants with their opening stock; raises VariantSkuTaken."""
        created = await session.fetch(
            _CREATE,
            listing_id,
            [variant.sku for variant in new],
            [variant.price for variant in new],
            [variant.stock for variant in new],
            [stock_status(variant.stock) for variant in new],
            [json.dumps(dict(variant.attributes)) for variant in new],
            [variant.image_url for variant in new],
        )
        await session.execute(_MARK_LISTING, listing_id)
        opening = [
            Movement(
                listing_id,
                row["id"],
                MovementType.IN,
                0,
                row["stock_quantity"],
                reason="initial_stock",
                user_id=user_id,
            )
            for row in created
            if row["stock_quantity"] > 0
        ]
        await record(session, opening)

    async def change(
        self,
        session: Session,
        listing_id: int,
        variant_id: int,
        change: ListingVariantChange,
        *,
        user_id: int,
    ) -> bool:
        """Write what is given; False when the variant is gone. Raises VariantSkuTaken."""
        before = await session.fetchrow(_LOCK, variant_id)
        if before is None:
            return False
        status = None
        if change.stock is not None:
            status = stock_status(change.stock, before["low_stock_threshold"])
        await session.execute(
            _CHANGE,
            variant_id,
            change.sku,
            change.price,
            change.stock,
            status,
            None if change.attributes is None else json.dumps(dict(change.attributes)),
            change.image_url,
            change.is_active,
        )
        if change.stock is not None and change.stock != before["stock_quantity"]:
            adjustment = Movement(
                listing_id,
                variant_id,
                MovementType.ADJUSTMENT,
                before["stock_quantity"],
                change.stock,
                reason="variant_updated",
                user_id=user_id,
            )
            await record(session, [adjustment])
        return True

    async def remove(self, session: Session, listing_id: int, variant_id: int, *, user_id: int) -> bool:
        """Remove a variant for good, its stock written off; whether it was still there.

        The oldest one left becomes the default in place of a removed default.
        """
        removed = await session.fetchrow(_REMOVE, variant_id)
        if removed is None:
            return False
        if removed["is_default"]:
            await session.execute(_CHOOSE_DEFAULT, listing_id)
        await session.execute(_MARK_LISTING, listing_id)
        if removed["stock_quantity"] > 0:
            written_off = Movement(
                listing_id,
                variant_id,
                MovementType.ADJUSTMENT,
                removed["stock_quantity"],
                0,
                reason="variant_deleted",
                user_id=user_id,
            )
            await record(session, [written_off])
        return True
