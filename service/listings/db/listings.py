"""Listings in PostgreSQL: whole ones by id and by page, and the changes of their rows.

Every aggregate that shows listings reads them through `ListingRows.by_ids` or continues `SHAPE`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from listings.db.filters import listing_conditions
from listings.db.indexing import Operation, enqueue
from listings.db.inventory import record
from listings.db.statements import Statement, statement
from listings.domain.errors import invalid
from listings.domain.inventory import Movement, MovementType
from listings.domain.listings import (
    PRIVATE_SALE_LASTS,
    Attribute,
    Image,
    Listing,
    ListingVariant,
    Location,
    SourceType,
    Status,
    stock_status_of,
)
from listings.domain.paging import HIGHEST_OFFSET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from listings.db.connections import Connections
    from listings.db.session import Record, Session
    from listings.domain.listings import ListingFilter, NewListing

# Begins a statement that reads whole listings, and ends with `FROM listings AS l`.
SHAPE: Final = statement("listings", "shape").sql

_BY_IDS: Final = Statement(
    "listings.by_ids", f"{SHAPE}\nWHERE l.id = ANY($1::bigint[]) AND l.is_deleted = false"
)


_LOCK: Final = Statement(
    "listings.lock", f"{SHAPE}\nWHERE l.id = $1 AND l.is_deleted = false FOR NO KEY UPDATE OF l"
)
_CREATE: Final = statement("listings", "create")
_FREE_NUMBER: Final = statement("listings", "free_number")
_CHANGE: Final = statement("listings", "change")
_REMOVE: Final = statement("listings", "remove")
_EXPIRE: Final = statement("listings", "expire")

# A page and the one row that tells whether another follows, and how deep offsets may reach. The number
# that fits stands in the text, because the planner must know how few rows are wanted: of a parameter it
# would assume a tenth of the table, and sort that instead of reading an index in its order.
_READ_AT_MOST: Final = (101, 1_000, 10_000, 100_000, HIGHEST_OFFSET + 101)


class ListingRows:
    """Reads and writes `listings`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def by_ids(self, ids: Sequence[int]) -> Mapping[int, Listing]:
        """Undeleted listings of any status and source by id, in one round trip; unknown ids are missing."""
        rows = await self._connections.fetch(_BY_IDS, ids)
        return {row["id"]: listing_of(row) for row in rows}

    async def page(
        self,
        wanted: ListingFilter,
        *,
        limit: int,
        offset: int = 0,
        after: tuple[datetime, int] | None = None,
        count: bool = True,
    ) -> tuple[list[Listing], int]:
        """Up to `limit` (at most 101) listings, newest first, and, when asked for, how many match in all.

        One round trip, except that the number behind a page without rows takes a second one.
        """
        statement, parameters = page_statement(wanted, limit=limit, offset=offset, after=after, count=count)
        rows = await self._connections.fetch(statement, *parameters)
        if rows or not count:
            return [listing_of(row) for row in rows], rows[0]["total"] if count else 0
        return [], await self.count(wanted) if offset or after else 0

    async def count(self, wanted: ListingFilter) -> int:
        """How many undeleted listings match."""
        conditions = listing_conditions(wanted)
        text = f"SELECT count(*) FROM listings AS l WHERE {conditions.sql}"  # noqa: S608 - literal fragments
        return int(
            await self._connections.fetchval(Statement("listings.count", text), *conditions.parameters)
        )

    async def create(self, new: NewListing, uuid: UUID, slug: str) -> Listing | None:
        """Store a draft and queue it; None when the slug is taken.

        A shop's opening stock is written to the inventory ledger with it. Raises InvalidArgument when
        the category is unknown or inactive, AlreadyExists when the storefront has a product of this sku.
        """
        if new.source_type is SourceType.C2C or new.quantity == 0:
            async with self._connections.session() as session:
                return await _create(session, new, uuid, slug)

        async def with_stock(session: Session) -> Listing | None:
            created = await _create(session, new, uuid, slug)
            if created is not None:
                opening = Movement(
                    created.id, None, MovementType.IN, 0, created.quantity, "initial_stock", new.user_id
                )
                await record(session, [opening])
            return created

        return await self._connections.run_in_transaction(with_stock)

    async def free_number(self, stem: str) -> int:
        """A number that, after `stem` and a hyphen, makes a slug that no undeleted listing has."""
        return int(await self._connections.fetchval(_FREE_NUMBER, stem))

    async def lock(self, session: Session, listing_id: int) -> Listing | None:
        """An undeleted listing that nobody else can change until this transaction ends."""
        row = await session.fetchrow(_LOCK, listing_id)
        return listing_of(row) if row is not None else None

    async def change(
        self, session: Session, before: Listing, after: Listing, *, activated: bool, user_id: int
    ) -> Listing:
        """Write a locked listing's new values and queue it; the listing as it is stored then.

        `activated` publishes it anew and starts a private sale's time anew. A change of a shop's stock
        is written to the inventory ledger.
        """
        private = after.source_type is SourceType.C2C
        row = await session.fetchrow(
            _CHANGE,
            after.id,
            after.title,
            after.description,
            after.price,
            after.quantity,
            after.stock_status,
            after.status,
            activated,
            PRIVATE_SALE_LASTS if activated and private else None,
        )
        assert row is not None, "a locked listing is there"
        if after.quantity != before.quantity and not private:
            adjustment = Movement(
                after.id,
                None,
                MovementType.ADJUSTMENT,
                before.quantity,
                after.quantity,
                "listing_updated",
                user_id,
            )
            await record(session, [adjustment])
        await enqueue(session, [after.id], Operation.UPDATE)
        return replace(after, **dict(row))

    async def remove(self, session: Session, listing_id: int) -> None:
        """Mark a locked listing as deleted, remove its images and queue its removal from the index."""
        await session.execute(_REMOVE, listing_id)
        await enqueue(session, [listing_id], Operation.DELETE)

    async def expire(self, now: datetime, *, at_most: int) -> list[int]:
        """Set due listings whose expiry we set inactive and queue them; their ids."""

        async def work(session: Session) -> list[int]:
            ids = [row["id"] for row in await session.fetch(_EXPIRE, now, at_most)]
            await enqueue(session, ids, Operation.UPDATE)
            return ids

        return await self._connections.run_in_transaction(work)


def page_statement(
    wanted: ListingFilter, *, limit: int, offset: int, after: tuple[datetime, int] | None, count: bool
) -> tuple[Statement, list[object]]:
    """The statement of one page and its parameters."""
    conditions = listing_conditions(wanted)
    total = f"(SELECT count(*) FROM listings AS l WHERE {conditions.sql})" if count else "NULL::bigint"  # noqa: S608 - literal fragments
    if after is not None:
        conditions.add("(l.created_at, l.id) < ({}::timestamptz, {}::bigint)", *after)
    most = next(rows for rows in _READ_AT_MOST if offset + limit <= rows)
    skipped = f" OFFSET {conditions.parameter(offset)}" if offset else ""
    text = f"""
        SELECT listing.*, {total} AS total
        FROM ({SHAPE}
            WHERE l.id = ANY(ARRAY(
                SELECT newest.id FROM (
                    SELECT l.id FROM listings AS l WHERE {conditions.sql}
                    ORDER BY l.created_at DESC, l.id DESC LIMIT {most}
                ) AS newest LIMIT {conditions.parameter(limit)}{skipped}
            ))
        ) AS listing
        ORDER BY listing.created_at DESC, listing.id DESC"""  # noqa: S608 - literal fragments
    return Statement("listings.page", text), conditions.parameters


async def _create(session: Session, new: NewListing, uuid: UUID, slug: str) -> Listing | None:
    stock_status = stock_status_of(new.quantity)
    row = await session.fetchrow(
        _CREATE,
        uuid,
        slug,
        new.user_id,
        new.storefront_id,
        new.title,
        new.description,
        new.price,
        new.category_id,
        new.currency,
        new.quantity,
        new.sku,
        new.source_type,
        stock_status,
        new.lasts,
    )
    assert row is not None, "the statement always returns one row"
    if not row["category_known"]:
        raise invalid("category_id", "category not found", reason="CATEGORY_NOT_FOUND")
    if row["id"] is None:
        return None
    return Listing(
        id=row["id"],
        uuid=uuid,
        slug=slug,
        user_id=new.user_id,
        storefront_id=new.storefront_id,
        title=new.title,
        description=new.description,
        price=new.price,
        currency=new.currency,
        category_id=new.category_id,
        status=Status(row["status"]),
        visibility=row["visibility"],
        quantity=new.quantity,
        sku=new.sku,
        source_type=new.source_type,
        stock_status=stock_status,
        view_count=row["view_count"],
        favorites_count=row["favorites_count"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        published_at=None,
        deleted_at=None,
        is_deleted=False,
    )


def listing_of(row: Record) -> Listing:
    """A row that `SHAPE` selected."""
    return Listing(
        id=row["id"],
        uuid=row["uuid"],
        slug=row["slug"] or "",
        user_id=row["user_id"],
        storefront_id=row["storefront_id"],
        title=row["title"],
        description=row["description"],
        price=row["price"],
        currency=row["currency"],
        category_id=row["category_id"],
        status=Status(row["status"]),
        visibility=row["visibility"],
        quantity=row["quantity"],
        sku=row["sku"],
        source_type=SourceType(row["source_type"]),
        stock_status=row["stock_status"],
        view_count=row["view_count"],
        favorites_count=row["favorites_count"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        published_at=row["published_at"],
        deleted_at=row["deleted_at"],
        is_deleted=row["is_deleted"],
        images=tuple(Image(*image) for image in row["images"]),
        attributes=tuple(Attribute(*attribute) for attribute in row["attributes"]),
        tags=tuple(row["tags"]),
        location=Location(*row["location"]) if row["location"] is not None else None,
        variants=tuple(_variant(*variant) for variant in row["variants"]),
    )


def _variant(
    id_: int, listing_id: int, sku: str, price: Any, stock: int, attributes: str, *rest: Any
) -> ListingVariant:
    return ListingVariant(id_, listing_id, sku, price, stock, flat_attributes(attributes), *rest)


def flat_attributes(stored: str) -> dict[str, str]:
    """A variant's stored attributes as the older message family knows them: texts only.

    Other values (the newer family stores any JSON) are shown as their JSON text.
    """
    read = json.loads(stored)
    if not isinstance(read, dict):
        return {}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in read.items()}
