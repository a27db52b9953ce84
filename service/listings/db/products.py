"""Products in PostgreSQL: the `b2c` rows of `listings`, read alone, by page and in bulk, written in batches.

One product is a batch of one: `usecases/products.py` and `usecases/product_bulk.py` write through the same
statements, a constant number per batch.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from listings.db.constraints import means
from listings.db.filters import Conditions
from listings.db.indexing import Operation, enqueue
from listings.db.inventory import record
from listings.db.statements import Statement, statement
from listings.db.variants import VARIANT_ARRAY, variant_from
from listings.domain.inventory import Movement, MovementType
from listings.domain.listings import Status
from listings.domain.products import NewProduct, Product, sku_taken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from listings.db.connections import Connections
    from listings.db.session import Record, Session

means("listings_storefront_sku_unique", sku_taken)

_SHAPE: Final = statement("products", "shape").sql
_UNDELETED: Final = "l.source_type = 'b2c' AND l.is_deleted = false"
_BY_IDS: Final = Statement("products.by_ids", f"{_SHAPE}\nWHERE l.id = ANY($1::bigint[]) AND {_UNDELETED}")
_WITH_VARIANTS: Final = Statement(
    "products.with_variants",
    f"SELECT product.*, {VARIANT_ARRAY} AS variants FROM ({_BY_IDS.sql}) AS product",  # noqa: S608 - literals
)
_LOCK: Final = Statement(
    "products.lock",
    f"{_SHAPE}\nWHERE l.id = ANY($1::bigint[]) AND l.storefront_id = $2::bigint AND {_UNDELETED}"
    "\nORDER BY l.id FOR NO KEY UPDATE OF l",
)
_ALL_OF: Final = Statement(
    "products.all_of", f"{_SHAPE}\nWHERE l.storefront_id = $1::bigint AND {_UNDELETED} ORDER BY l.id"
)
_COUNT_OF: Final = statement("products", "count_of")
_STANDING: Final = statement("products", "standing")
_FREE_SLUGS: Final = statement("products", "free_slugs")
_INSERT: Final = statement("products", "insert")
_STORED_UUIDS: Final = statement("products", "stored_uuids")
_SKUS_OF_OTHERS: Final = statement("products", "skus_of_others")
_USABLE_CATEGORIES: Final = statement("products", "usable_categories")
_CLEAR_SKUS: Final = statement("products", "clear_skus")
_UPDATE: Final = statement("products", "update")
_LOCK_FOR_DELETION: Final = statement("products", "lock_for_deletion")
_MARK_DELETED: Final = statement("products", "mark_deleted")
_REMOVE_VARIANTS: Final = statement("products", "remove_variants")
_REMOVE: Final = statement("products", "remove")

# A page holds at most 100 products, and one more tells whether another page follows; the number stands in
# the text because the planner would assume a tenth of the table for a parameter.
_MOST_ON_A_PAGE: Final = 101


@dataclass(frozen=True, slots=True)
class Standing:
    """What a storefront's new products meet. `owner_id` None: there is no such storefront."""

    owner_id: int | None
    categories: frozenset[int]
    skus: frozenset[str]


@dataclass(frozen=True, slots=True)
class FreeSlug:
    """A wanted slug's first free number, and whether the plain slug is taken."""

    is_taken: bool
    number: int


class ProductRows:
    """Reads and writes the products among `listings`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def by_ids(self, ids: Sequence[int]) -> Mapping[int, Product]:
        """Undeleted products without their variants; unknown ids are missing."""
        return {row["id"]: product_of(row) for row in await self._connections.fetch(_BY_IDS, ids)}

    async def with_variants(self, ids: Sequence[int]) -> Mapping[int, Product]:
        """Undeleted products with their variants, in one round trip; unknown ids are missing."""
        return {
            row["id"]: replace(
                product_of(row), variants=tuple(variant_from(*variant) for variant in row["variants"])
            )
            for row in await self._connections.fetch(_WITH_VARIANTS, ids)
        }

    async def by_skus(self, skus: Sequence[str], storefront_id: int | None) -> list[Product]:
        """Active undeleted products with these SKUs, ids ascending."""
        conditions = Conditions(_UNDELETED, "l.status = 'active'", "l.sku <> ''")
        conditions.add("l.sku = ANY({}::text[])", skus)
        if storefront_id is not None:
            conditions.add("l.storefront_id = {}::bigint", storefront_id)
        found = Statement("products.by_skus", f"{_SHAPE}\nWHERE {conditions.sql} ORDER BY l.id")
        return [product_of(row) for row in await self._connections.fetch(found, *conditions.parameters)]

    async def page(
        self,
        storefront_id: int,
        *,
        active_only: bool,
        limit: int,
        offset: int = 0,
        after: tuple[datetime, int] | None = None,
    ) -> tuple[list[Product], int]:
        """Up to `limit` (at most 101) products, newest first, and how many there are in all."""
        conditions = Conditions(_UNDELETED)
        conditions.add("l.storefront_id = {}::bigint", storefront_id)
        if active_only:
            conditions.add("l.status = 'active'")
        count = f"SELECT count(*) FROM listings AS l WHERE {conditions.sql}"  # noqa: S608 - literal fragments
        counted = list(conditions.parameters)
        if after is not None:
            conditions.add("(l.created_at, l.id) < ({}::timestamptz, {}::bigint)", *after)
        most = f"LIMIT {_MOST_ON_A_PAGE}" if not offset else f"OFFSET {conditions.parameter(offset)}"
        page = f"""
            SELECT page.*, ({count}) AS total
            FROM ({_SHAPE} WHERE {conditions.sql} ORDER BY l.created_at DESC, l.id DESC {most}) AS page
            LIMIT {conditions.parameter(limit)}"""  # noqa: S608 - literal fragments
        rows = await self._connections.fetch(Statement("products.page", page), *conditions.parameters)
        if rows:
            return [product_of(row) for row in rows], rows[0]["total"]
        if not offset and after is None:
            return [], 0
        return [], int(await self._connections.fetchval(Statement("products.count", count), *counted))

    async def count_of(self, storefront_id: int) -> int:
        """How many undeleted products a storefront has."""
        return int(await self._connections.fetchval(_COUNT_OF, storefront_id))

    async def all_of(self, storefront_id: int, *, at_once: int = 1000) -> AsyncIterator[list[Product]]:
        """Every undeleted product of a storefront as of one moment, ids ascending, some at a time."""
        async with self._connections.transaction() as session:
            cursor = await session.connection.cursor(_ALL_OF.sql, storefront_id)
            while rows := await cursor.fetch(at_once):
                yield [product_of(row) for row in rows]

    async def standing(
        self, session: Session, storefront_id: int, categories: Iterable[int], skus: Iterable[str]
    ) -> Standing:
        """What products of these categories and SKUs would meet in a storefront."""
        row = await session.fetchrow(_STANDING, storefront_id, sorted(set(categories)), sorted(set(skus)))
        assert row is not None, "the statement always returns one row"
        return Standing(row["owner_id"], frozenset(row["categories"]), frozenset(row["skus"]))

    async def free_slugs(
        self, session: Session, stems: Mapping[str, str], wanted: Sequence[str]
    ) -> dict[str, FreeSlug]:
        """Numbers for those of the wanted slugs that are taken or wanted twice; `stems` take the numbers."""
        often = Counter(wanted)
        slugs = list(often)
        rows = await session.fetch(
            _FREE_SLUGS, slugs, [stems[slug] for slug in slugs], [often[slug] > 1 for slug in slugs]
        )
        return {row["slug"]: FreeSlug(row["is_taken"], row["free"]) for row in rows}

    async def insert(
        self, session: Session, storefront_id: int, owner_id: int, new: Sequence[tuple[UUID, str, NewProduct]]
    ) -> dict[UUID, Product]:
        """Write new products (uuid, slug and values) with their opening stock, and queue them.

        Those whose SKU or slug somebody else has are missing from the answer.
        """
        rows = await session.fetch(_INSERT, storefront_id, owner_id, *_columns_of_new(new))
        written = {row["uuid"]: row for row in rows}
        created = {
            uuid: _created(storefront_id, values, written[uuid]) for uuid, _, values in new if uuid in written
        }
        await record(
            session,
            [
                Movement(
                    product.id, None, MovementType.IN, 0, product.stock_quantity, "initial_stock", owner_id
                )
                for product in created.values()
                if product.stock_quantity > 0
            ],
        )
        await enqueue(session, [product.id for product in created.values()], Operation.INDEX)
        return created

    async def stored_uuids(self, uuids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of the uuids that listings have."""
        return frozenset(row["uuid"] for row in await self._connections.fetch(_STORED_UUIDS, uuids))

    async def lock(self, session: Session, storefront_id: int, ids: Sequence[int]) -> dict[int, Product]:
        """Undeleted products of a storefront that nobody else can change until this transaction ends."""
        return {row["id"]: product_of(row) for row in await session.fetch(_LOCK, ids, storefront_id)}

    async def holders_of_skus(
        self, session: Session, storefront_id: int, skus: Iterable[str]
    ) -> dict[str, int]:
        """Which product of a storefront has each of these SKUs."""
        rows = await session.fetch(_SKUS_OF_OTHERS, storefront_id, sorted(set(skus)))
        return {row["sku"]: row["id"] for row in rows}

    async def usable_categories(self, session: Session, ids: Iterable[int]) -> frozenset[int]:
        """Those of the categories that exist and are active."""
        return frozenset(row["id"] for row in await session.fetch(_USABLE_CATEGORIES, sorted(set(ids))))

    async def update(
        self, session: Session, before: Mapping[int, Product], after: Sequence[Product]
    ) -> dict[int, Product]:
        """Write locked products' new values and queue them; the products as they are stored then."""
        moved = [p.id for p in after if before[p.id].sku and before[p.id].sku != p.sku]
        if moved and len(after) > 1:
            await session.execute(_CLEAR_SKUS, moved)
        rows = await session.fetch(_UPDATE, *_columns_of_changed(after))
        updated_at = {row["id"]: row["updated_at"] for row in rows}
        await enqueue(session, list(updated_at), Operation.UPDATE)
        return {product.id: replace(product, updated_at=updated_at[product.id]) for product in after}

    async def lock_for_deletion(
        self, session: Session, storefront_id: int, ids: Sequence[int]
    ) -> dict[int, tuple[bool, int]]:
        """Lock a storefront's products, deleted ones too: whether each is deleted, and its variants' number."""
        rows = await session.fetch(_LOCK_FOR_DELETION, ids, storefront_id)
        return {row["id"]: (row["is_deleted"], row["variants"]) for row in rows}

    async def mark_deleted(self, session: Session, ids: Sequence[int]) -> None:
        """Take locked products out of every read and queue their removal from the index."""
        await session.execute(_MARK_DELETED, ids)
        await enqueue(session, ids, Operation.DELETE)

    async def remove(self, session: Session, ids: Sequence[int]) -> None:
        """Remove locked products with all that belongs to them, and queue their removal from the index.

        The ledger keeps where their stock went.
        """
        variants = await session.fetch(_REMOVE_VARIANTS, ids)
        products = await session.fetch(_REMOVE, ids)
        gone = [(row["product_id"], row["id"], row["stock_quantity"]) for row in variants]
        gone += [(row["id"], None, row["quantity"]) for row in products]
        await record(
            session,
            [
                Movement(product_id, variant_id, MovementType.OUT, stock, 0, "product_deleted")
                for product_id, variant_id, stock in gone
                if stock > 0
            ],
        )
        await enqueue(session, ids, Operation.DELETE)


def product_of(row: Record) -> Product:
    """A row that `shape` selected."""
    return Product(
        id=row["id"],
        storefront_id=row["storefront_id"] or 0,
        name=row["title"],
        description=row["description"],
        price=row["price"],
        currency=row["currency"],
        category_id=row["category_id"],
        sku=row["sku"],
        barcode=row["barcode"],
        stock_quantity=row["quantity"],
        stock_status=row["stock_status"],
        status=Status(row["status"]),
        attributes=structure(row["attributes"]),
        view_count=row["view_count"],
        sold_count=row["sold_count"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        has_individual_location=row["has_individual_location"],
        individual_address=row["individual_address"],
        individual_latitude=row["individual_latitude"],
        individual_longitude=row["individual_longitude"],
        location_privacy=row["location_privacy"],
        show_on_map=row["show_on_map"],
        has_variants=row["has_variants"],
    )


def structure(stored: str) -> dict[str, Any]:
    """A stored structure; what others stored that is no object is shown as none."""
    if stored == "{}":
        return {}
    read = json.loads(stored)
    return read if isinstance(read, dict) else {}


def _created(storefront_id: int, values: NewProduct, row: Record) -> Product:
    return Product(
        id=row["id"],
        storefront_id=storefront_id,
        name=values.name,
        description=values.description,
        price=values.price,
        currency=values.currency,
        category_id=values.category_id,
        sku=values.sku,
        barcode=values.barcode,
        stock_quantity=values.stock_quantity,
        stock_status=values.stock_status,
        status=values.status,
        attributes=values.attributes,
        view_count=0,
        sold_count=0,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        has_individual_location=values.has_individual_location,
        individual_address=values.individual_address,
        individual_latitude=values.individual_latitude,
        individual_longitude=values.individual_longitude,
        location_privacy=values.location_privacy,
        show_on_map=values.show_on_map,
        has_variants=values.has_variants,
    )


def _columns_of_new(new: Sequence[tuple[UUID, str, NewProduct]]) -> list[list[Any]]:
    """The arrays that `insert` unnests, in its order."""
    values = [value for _, _, value in new]
    return [
        [uuid for uuid, _, _ in new],
        [slug for _, slug, _ in new],
        [v.name for v in values],
        [v.description or None for v in values],
        [v.price for v in values],
        [v.currency for v in values],
        [v.category_id for v in values],
        [v.sku for v in values],
        [v.barcode for v in values],
        [v.stock_quantity for v in values],
        [v.stock_status for v in values],
        [v.status.value for v in values],
        [json.dumps(v.attributes) for v in values],
        [v.has_individual_location for v in values],
        [v.individual_address for v in values],
        [v.individual_latitude for v in values],
        [v.individual_longitude for v in values],
        [v.location_privacy for v in values],
        [v.show_on_map for v in values],
        [v.has_variants for v in values],
    ]


def _columns_of_changed(products: Sequence[Product]) -> list[list[Any]]:
    """The arrays that `update` unnests, in its order."""
    return [
        [p.id for p in products],
        [p.name for p in products],
        [p.description or None for p in products],
        [p.price for p in products],
        [p.currency for p in products],
        [p.category_id for p in products],
        [p.sku for p in products],
        [p.barcode for p in products],
        [p.status.value for p in products],
        [json.dumps(p.attributes) for p in products],
        [p.has_individual_location for p in products],
        [p.individual_address for p in products],
        [p.individual_latitude for p in products],
        [p.individual_longitude for p in products],
        [p.location_privacy for p in products],
        [p.show_on_map for p in products],
    ]
