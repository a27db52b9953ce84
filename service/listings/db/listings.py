"""Listings in PostgreSQL: whole ones by id and by page, and the changes of their rows.

Every aggregate that shows listings reads them through `ListingRows.by_ids` or continues `SHAPE`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from listings.db.statements import Statement, statement
from listings.domain.listings import (
    Attribute,
    Image,
    Listing,
    ListingVariant,
    Location,
    SourceType,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from listings.db.connections import Connections, Record, Session

# Begins a statement that reads whole listings, and ends with `FROM listings AS l`.
SHAPE: Final = statement("listings", "shape").sql

_BY_IDS: Final = Statement(
    "listings.by_ids", f"{SHAPE}\nWHERE l.id = ANY($1::bigint[]) AND l.is_deleted = false"
)


class ListingRows:
    """Reads and writes `listings`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def by_ids(self, ids: Sequence[int], *, session: Session | None = None) -> Mapping[int, Listing]:
        """Undeleted listings of any status and source by id, in one round trip; unknown ids are missing."""
        rows = await (session or self._connections).fetch(_BY_IDS, ids)
        return {row["id"]: listing_of(row) for row in rows}


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
