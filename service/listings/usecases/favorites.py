"""What people do with favorites.

Ids of both columns have 32 bits: a larger one cannot be stored, so it is not found when added and
simply has no favorites otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.db.coalesce import CoalescedReads
from listings.domain.errors import NotFound
from listings.domain.favorites import Favorite, FavoritePage
from listings.domain.paging import newest_key, newest_position, page, read_token, write_token

if TYPE_CHECKING:
    from listings.cache.invalidation import Invalidations
    from listings.db.favorites import FavoriteRows

_HIGHEST_ID: Final = 2**31 - 1
_MOST_ON_A_PAGE: Final = 1000


class Favorites:
    """Adding, removing and listing; both changes are idempotent."""

    def __init__(self, rows: FavoriteRows, invalidations: Invalidations) -> None:
        self._rows = rows
        self._invalidations = invalidations
        self._pairs: CoalescedReads[tuple[int, int], bool] = CoalescedReads(rows.among)

    async def add(self, user_id: int, listing_id: int) -> Favorite:
        """Keep a listing; raises NotFound when it does not exist or is deleted."""
        if user_id > _HIGHEST_ID:
            raise NotFound(f"user {user_id} not found", reason="USER_NOT_FOUND")
        favorite = await self._rows.add(user_id, listing_id) if listing_id <= _HIGHEST_ID else None
        if favorite is None:
            raise NotFound("listing not found", reason="LISTING_NOT_FOUND")
        self._invalidations.changed(("listing", listing_id))
        return favorite

    async def remove(self, user_id: int, listing_id: int) -> None:
        """Stop keeping a listing; removing what is not there is fine."""
        if max(user_id, listing_id) <= _HIGHEST_ID and await self._rows.remove(user_id, listing_id):
            self._invalidations.changed(("listing", listing_id))

    async def of_user(
        self, user_id: int, *, limit: int = 0, offset: int = 0, token: str = ""
    ) -> FavoritePage:
        """A user's favorites, newest first; limit 0 or less gives all of them, as old clients expect.

        More than 1000 on a page are not given; a token wins over the offset.
        """
        query = ("favorites", user_id)
        if limit > 0:
            asked = page(
                min(limit, _MOST_ON_A_PAGE), offset, token, query=query, highest_limit=_MOST_ON_A_PAGE
            )
            wanted, skipped, key = asked.limit, asked.offset, asked.after
        else:
            wanted, skipped, key = None, 0, read_token(token, query=query) if token else None
        after = newest_position(key) if key else None
        if user_id > _HIGHEST_ID:
            return FavoritePage((), 0)
        rows, total = await self._rows.of_user(
            user_id,
            limit=None if wanted is None else wanted + 1,  # one more tells whether there is a next page
            offset=0 if after else skipped,
            after=after,
        )
        shown = rows[:wanted]
        last = shown[-1] if len(rows) > len(shown) else None
        return FavoritePage(
            tuple(row.listing_id for row in shown),
            total,
            write_token(newest_key(last.created_at, last.listing_id), query=query) if last else "",
        )

    async def users_of(self, listing_id: int) -> list[int]:
        """Who keeps a listing; nobody keeps an unknown one."""
        return await self._rows.users_of(listing_id) if listing_id <= _HIGHEST_ID else []

    async def is_favorite(self, user_id: int, listing_id: int) -> bool:
        """Whether a user keeps a listing; concurrent questions share a query."""
        if max(user_id, listing_id) > _HIGHEST_ID:
            return False
        return await self._pairs.get((user_id, listing_id)) is not None
