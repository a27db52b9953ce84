"""What people ask about storefronts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.db.coalesce import CoalescedReads
from listings.domain.paging import page, write_token
from listings.domain.storefronts import (
    StorefrontNotFound,
    StorefrontPage,
    StorefrontQuery,
    page_limit,
    position_of,
    read_position,
)

if TYPE_CHECKING:
    from listings.db.storefronts import StorefrontRows
    from listings.domain.storefronts import Storefront


class Storefronts:
    """Reads; concurrent ones of single storefronts share a query."""

    def __init__(self, rows: StorefrontRows) -> None:
        self._rows = rows
        self._by_id: CoalescedReads[int, Storefront] = CoalescedReads(rows.by_ids)
        self._by_slug: CoalescedReads[str, Storefront] = CoalescedReads(rows.by_slugs)

    async def get(self, storefront_id: int) -> Storefront:
        """One storefront, an inactive one too; raises StorefrontNotFound."""
        return _found(await self._by_id.get(storefront_id))

    async def by_slug(self, slug: str) -> Storefront:
        """The storefront with this slug, an inactive one too; raises StorefrontNotFound."""
        return _found(await self._by_slug.get(slug))

    async def list(
        self, query: StorefrontQuery, *, limit: int = 0, offset: int = 0, token: str = ""
    ) -> StorefrontPage:
        """One page: 20 unless `limit` says otherwise, 100 at most; a token wins over the offset."""
        asked = page(page_limit(limit), max(offset, 0), token, query=query)
        rows, total = await self._rows.page(
            query,
            limit=asked.limit + 1,  # one more tells whether there is a next page
            offset=0 if asked.after else asked.offset,
            after=read_position(asked.after, query) if asked.after else None,
        )
        shown = tuple(rows[: asked.limit])
        more = len(rows) > asked.limit
        return StorefrontPage(
            shown, total, write_token(position_of(shown[-1], query), query=query) if more else ""
        )


def _found(storefront: Storefront | None) -> Storefront:
    if storefront is None:
        raise StorefrontNotFound
    return storefront
