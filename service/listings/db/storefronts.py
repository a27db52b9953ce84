"""Storefronts in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, LiteralString

from listings.db.filters import Conditions
from listings.db.statements import Statement, statement
from listings.domain.storefronts import SortBy, SortKey, Storefront, StorefrontQuery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from listings.db.connections import Connections
    from listings.db.session import Record

_SHAPE: Final = statement("storefronts", "shape").sql
_BY_IDS: Final = Statement(
    "storefronts.by_ids", f"{_SHAPE}\nWHERE s.id = ANY($1::bigint[]) AND s.deleted_at IS NULL"
)
_BY_SLUGS: Final = Statement(
    "storefronts.by_slugs", f"{_SHAPE}\nWHERE s.slug = ANY($1::text[]) AND s.deleted_at IS NULL"
)
_OWNER: Final = statement("storefronts", "owner")
_OWNER_OF_PRODUCT: Final = statement("storefronts", "owner_of_product")

# What is sorted by: the expression that the shape shows, and the type a cursor's key is read as.
_SORTS: Final[dict[SortBy, tuple[LiteralString, LiteralString]]] = {
    SortBy.CREATED_AT: ("COALESCE(s.created_at, 'epoch')", "timestamp"),
    SortBy.NAME: ("s.name", "text"),
    SortBy.RATING: ("COALESCE(s.rating, 0)", "numeric"),
    SortBy.PRODUCTS_COUNT: ("COALESCE(s.products_count, 0)", "int"),
    SortBy.VIEWS_COUNT: ("COALESCE(s.views_count, 0)", "int"),
}


class StorefrontRows:
    """Reads `storefronts`; nothing in this service writes them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def by_ids(self, ids: Sequence[int]) -> Mapping[int, Storefront]:
        """Undeleted storefronts by id; unknown ids are missing."""
        return {row["id"]: _storefront(row) for row in await self._connections.fetch(_BY_IDS, ids)}

    async def by_slugs(self, slugs: Sequence[str]) -> Mapping[str, Storefront]:
        """Undeleted storefronts by slug; unknown slugs are missing."""
        return {row["slug"]: _storefront(row) for row in await self._connections.fetch(_BY_SLUGS, slugs)}

    async def owner_of(self, storefront_id: int) -> int | None:
        """Whose storefront it is, a deleted one too; None for an unknown one."""
        owner: int | None = await self._connections.fetchval(_OWNER, storefront_id)
        return owner

    async def owner_of_product(self, product_id: int) -> int | None:
        """Whose product it is, a deleted one too; None for an unknown one."""
        owner: int | None = await self._connections.fetchval(_OWNER_OF_PRODUCT, product_id)
        return owner

    async def page(
        self, query: StorefrontQuery, *, limit: int, offset: int, after: tuple[SortKey, int] | None
    ) -> tuple[list[Storefront], int]:
        """Up to `limit` storefronts and how many match in all, in one round trip."""
        page, parameters = page_statement(query, limit=limit, offset=offset, after=after)
        rows = await self._connections.fetch(page, *parameters)
        return [_storefront(row) for row in rows if row["id"] is not None], rows[0]["total"]


def page_statement(
    query: StorefrontQuery, *, limit: int, offset: int, after: tuple[SortKey, int] | None
) -> tuple[Statement, list[object]]:
    """The statement of one page and its parameters.

    Storefronts are few (a shop each), so all that match are counted with every page; the id decides
    ties, in the direction of the sort.
    """
    conditions = Conditions("s.deleted_at IS NULL")
    if query.user_id is not None:
        conditions.add("s.user_id = {}::bigint", query.user_id)
    if query.is_active is not None:
        conditions.add("COALESCE(s.is_active, true) = {}::bool", query.is_active)
    if query.is_verified is not None:
        conditions.add("COALESCE(s.is_verified, false) = {}::bool", query.is_verified)
    if query.city is not None:
        conditions.add("s.city = {}::text", query.city)
    matching = conditions.sql
    key, kind = _SORTS[query.sort_by]
    direction, beyond = ("DESC", "<") if query.descending else ("ASC", ">")
    if after is not None:
        conditions.add(f"({key}, s.id) {beyond} ({{}}::{kind}, {{}}::bigint)", *after)
    text = f"""
        SELECT page.*, (SELECT count(*) FROM storefronts AS s WHERE {matching})::int AS total
        FROM (SELECT 1) AS always
        LEFT JOIN LATERAL (
            {_SHAPE}
            WHERE {conditions.sql}
            ORDER BY {key} {direction}, s.id {direction}
            LIMIT {conditions.parameter(limit)}::int OFFSET {conditions.parameter(offset)}::int
        ) AS page ON true"""  # noqa: S608 - literal fragments
    return Statement("storefronts.page", text), conditions.parameters


def _storefront(row: Record) -> Storefront:
    return Storefront(**{name: row[name] for name in Storefront.__slots__})
