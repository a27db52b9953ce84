"""Variants in PostgreSQL, as the newer message family knows them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from listings.db.constraints import means
from listings.db.indexing import Operation, enqueue
from listings.db.inventory import record
from listings.db.statements import Statement, statement
from listings.domain.inventory import Movement, MovementType
from listings.domain.listing_variants import VariantSkuTaken
from listings.domain.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from listings.db.connections import Connections
    from listings.db.session import Record, Session
    from listings.domain.variants import NewVariant

means("b2c_product_variants_sku_unique", VariantSkuTaken)

_SHAPE: Final = statement("variants", "shape").sql
_OF_UNDELETED: Final = "EXISTS (SELECT FROM listings l WHERE l.id = v.product_id AND l.source_type = 'b2c' AND l.is_deleted = false)"
_BY_IDS: Final = Statement(
    "variants.by_ids",
    f"{_SHAPE}\nWHERE v.id = ANY($1::bigint[]) AND {_OF_UNDELETED}",
)
_OF_PRODUCTS: Final = Statement(
    "variants.of_products",
    f"{_SHAPE}\nWHERE v.product_id = ANY($1::bigint[]) AND {_OF_UNDELETED} ORDER BY v.is_default DESC, v.id",
)
_LOCK: Final = Statement(
    "variants.lock",
    f"{_SHAPE}\nWHERE v.id = $1::bigint AND v.product_id = $2::bigint FOR NO KEY UPDATE OF v",
)
_LOCK_PRODUCT: Final = statement("variants", "lock_product")
_CLEAR_DEFAULT: Final = statement("variants", "clear_default")
_INSERT: Final = statement("variants", "insert")
_OTHERS_ACTIVE: Final = statement("variants", "others_active")
_UPDATE: Final = statement("variants", "update")
_REMOVE: Final = statement("variants", "remove")
_TAKEN_SKUS: Final = statement("variants", "taken_skus")
_SETTLE: Final = statement("variants", "settle")

# The variants of a row named `product`, as records in the order of `Variant`'s fields: a product is read
# with its variants in one round trip and without JSON.
VARIANT_ARRAY: Final = """ARRAY(
    SELECT ROW(v.id, v.product_id, v.sku, v.barcode, v.price, v.compare_at_price, v.cost_price, v.stock_quantity,
               v.stock_status, v.low_stock_threshold, v.variant_attributes, v.weight, v.dimensions, v.is_active,
               v.is_default, v.view_count, v.sold_count, v.created_at, v.updated_at)
    FROM product_variants v WHERE v.product_id = product.id ORDER BY v.is_default DESC, v.id)"""


@dataclass(frozen=True, slots=True)
class LockedProduct:
    """What a locked product says about its variants."""

    is_active: bool
    has_variants: bool


class VariantRows:
    """Reads and writes `product_variants`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def by_ids(self, ids: Sequence[int]) -> Mapping[int, Variant]:
        """Variants of undeleted products; unknown ids are missing."""
        return {row["id"]: variant_of(row) for row in await self._connections.fetch(_BY_IDS, ids)}

    async def of_products(self, product_ids: Sequence[int]) -> Mapping[int, list[Variant]]:
        """The variants of undeleted products: the default first, then ids ascending."""
        found: dict[int, list[Variant]] = {}
        for row in await self._connections.fetch(_OF_PRODUCTS, product_ids):
            found.setdefault(row["product_id"], []).append(variant_of(row))
        return found

    async def lock_product(self, session: Session, product_id: int) -> LockedProduct | None:
        """Make this transaction the only one that changes variants of an undeleted product."""
        row = await session.fetchrow(_LOCK_PRODUCT, product_id)
        return LockedProduct(row["status"] == "active", row["has_variants"]) if row is not None else None

    async def insert(self, session: Session, product_id: int, new: Sequence[NewVariant]) -> list[Variant]:
        """Write new variants of a locked product with their opening stock, and queue the product.

        Raises AlreadyExists when a SKU is taken: then none is written.
        """
        if any(variant.is_default for variant in new):
            await session.execute(_CLEAR_DEFAULT, product_id)
        rows = await session.fetch(_INSERT, product_id, *_columns_of_new(new))
        created = [variant_of(row) for row in rows]
        await record(
            session,
            [
                Movement(product_id, variant.id, MovementType.IN, 0, variant.stock_quantity, "initial_stock")
                for variant in created
                if variant.stock_quantity > 0
            ],
        )
        await enqueue(session, [product_id], Operation.UPDATE)
        return created

    async def taken_skus(self, skus: Sequence[str]) -> frozenset[str]:
        """Those of the SKUs that variants have, of whichever product."""
        return frozenset(row["sku"] for row in await self._connections.fetch(_TAKEN_SKUS, skus))

    async def lock(self, session: Session, variant_id: int, product_id: int) -> Variant | None:
        """A variant of a locked product that nobody else can change until this transaction ends."""
        row = await session.fetchrow(_LOCK, variant_id, product_id)
        return variant_of(row) if row is not None else None

    async def has_other_active(self, session: Session, variant: Variant) -> bool:
        """Whether the locked product has another active variant."""
        row = await session.fetchrow(_OTHERS_ACTIVE, variant.product_id, variant.id)
        return row is not None and bool(row[0])

    async def update(self, session: Session, before: Variant, after: Variant) -> Variant:
        """Write a locked variant's new values and queue its product; the variant as it is stored then."""
        if after.is_default and not before.is_default:
            await session.execute(_CLEAR_DEFAULT, after.product_id)
        row = await session.fetchrow(
            _UPDATE,
            after.id,
            after.sku,
            after.barcode,
            after.price,
            after.compare_at_price,
            after.cost_price,
            after.stock_quantity,
            after.stock_status,
            after.low_stock_threshold,
            json.dumps(after.variant_attributes),
            after.weight,
            _text_of(after.dimensions),
            after.is_active,
            after.is_default,
        )
        assert row is not None, "a locked variant is there"
        if after.stock_quantity != before.stock_quantity:
            adjustment = Movement(
                after.product_id,
                after.id,
                MovementType.ADJUSTMENT,
                before.stock_quantity,
                after.stock_quantity,
                "variant_updated",
            )
            await record(session, [adjustment])
        await enqueue(session, [after.product_id], Operation.UPDATE)
        return replace(after, updated_at=row["updated_at"])

    async def remove(self, session: Session, variant_id: int, product_id: int) -> bool:
        """Remove a variant of a locked product; False when it has none of this id.

        The default mark goes to the remaining variant with the lowest id.
        """
        row = await session.fetchrow(_REMOVE, variant_id, product_id)
        if row is None:
            return False
        await session.execute(_SETTLE, product_id, row["is_default"])
        if row["stock_quantity"] > 0:
            gone = Movement(
                product_id, variant_id, MovementType.OUT, row["stock_quantity"], 0, "variant_deleted"
            )
            await record(session, [gone])
        await enqueue(session, [product_id], Operation.UPDATE)
        return True


def variant_of(row: Record) -> Variant:
    """A row that `shape` selected."""
    return variant_from(*row)


def variant_from(*columns: Any) -> Variant:
    """The columns of `shape` in their order, which is that of `Variant`'s fields."""
    variant = Variant(*columns)
    return replace(
        variant,
        variant_attributes=_structure(columns[10]) or {},
        dimensions=_structure(columns[12]),
    )


def _structure(stored: str | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    read = json.loads(stored)
    return read if isinstance(read, dict) else {}


def _text_of(value: Mapping[str, Any] | None) -> str | None:
    return json.dumps(value) if value is not None else None


def _columns_of_new(new: Sequence[NewVariant]) -> list[list[Any]]:
    """The arrays that `insert` unnests, in its order."""
    return [
        [v.sku for v in new],
        [v.barcode for v in new],
        [v.price for v in new],
        [v.compare_at_price for v in new],
        [v.cost_price for v in new],
        [v.stock_quantity for v in new],
        [v.stock_status for v in new],
        [v.low_stock_threshold for v in new],
        [json.dumps(v.variant_attributes) for v in new],
        [v.weight for v in new],
        [_text_of(v.dimensions) for v in new],
        [v.is_default for v in new],
    ]
