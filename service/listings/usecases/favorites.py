"""What people do with favorites."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from listings.db.coalesce import CoalescedReads
from listings.domain.errors import NotFound, invalid
from listings.domain.favorites import Favorite, FavoritePage
from listings.domain.paging import page, read_token, write_token

if TYPE_CHECKING:
    from listings.cache.invalidation import Invalidations
    from listings.db.favorites import FavoriteRows


class Favorites:
    """Adding, removing and listing; both changes are idempotent."""

    def __init__(self, rows: FavoriteRows, invalidations: Invalidations) -> None:
        self._rows = rows
        self._invalidations = invalidations
        self._pairs: CoalescedReads[tuple[int, int], bool] = CoalescedReads(rows.among)

    async def add(self, user_id: int, listing_id: int) -> Favorite:
        """Keep a listing; raises NotFound when it does not exist or is deleted."""
        favorite = await self._rows.add(user_id, listing_id)
        if favorite is None:
            raise NotFound("listing not found", reason="LISTING_NOT_FOUND")
        self._invalidations.changed(("listing", listing_id))
        return favorite

    async def remove(self, user_id: int, listing_id: int) -> None:
        """Stop keeping a listing; removing what is not there is fine."""
        if await self._rows.remove(user_id, listing_id):
            self._invalidations.changed(("listing", listing_id))

    async def of_user(
        self, user_id: int, *, limit: int = 0, offset: int = 0, token: str = ""
    ) -> FavoritePage:
        """A user's favorites, newest first; limit 0 gives all of them, as old clients expect."""
        query = ("favorites", user_id)
        if limit <= 0:
            after = read_token(token, query=query) if token else None
            wanted, skipped = None, 0
        else:
            asked = page(min(limit, 1000), offset, token, query=query, highest_limit=1000)
            after, wanted, skipped = asked.after, asked.limit, asked.offset
        rows, total = await self._rows.of_user(
            user_id,
            limit=wanted,
            offset=0 if after else skipped,
            after=_position(after) if after else None,
        )
        more = wanted is not None and len(rows) == wanted
        last = rows[-1] if more else None
        return FavoritePage(
            tuple(row.listing_id for row in rows),
            total,
            write_token((last.created_at.isoformat(), last.listing_id), query=query) if last else "",
        )

    async def users_of(self, listing_id: int) -> list[int]:
        """Who keeps a listing."""
        return await self._rows.users_of(listing_id)

    async def is_favorite(self, user_id: int, listing_id: int) -> bool:
        """Whether a user keeps a listing; concurrent questions share a query."""
        return await self._pairs.get((user_id, listing_id)) is not None


def _position(after: tuple[str | int | float | None, ...]) -> tuple[datetime, int]:
    moment, listing_id = after
    try:
        return datetime.fromisoformat(str(moment)), int(str(listing_id))
    except ValueError as error:
        raise invalid(
            "page_token", "page_token is not one this service gave: start again without it"
        ) from error
