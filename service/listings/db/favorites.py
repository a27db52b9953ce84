"""Favorites in PostgreSQL."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from listings.db.statements import statement
from listings.domain.favorites import Favorite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from listings.db.connections import Connections

_ADD: Final = statement("favorites", "add")
_REMOVE: Final = statement("favorites", "remove")
_OF_USER: Final = statement("favorites", "of_user")
_USERS_OF: Final = statement("favorites", "users_of")
_AMONG: Final = statement("favorites", "among")


class FavoriteRows:
    """Reads and writes `listing_favorites` and its count on `listings`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, user_id: int, listing_id: int) -> Favorite | None:
        """Keep a listing; the first time stays when it was kept already. None: no such listing."""
        while True:
            row = await self._connections.fetchrow(_ADD, user_id, listing_id)
            if row is None or not row["listing_exists"]:
                return None
            if row["created_at"] is not None:
                return Favorite(user_id, listing_id, row["created_at"].replace(tzinfo=UTC))

    async def remove(self, user_id: int, listing_id: int) -> bool:
        """Stop keeping a listing; whether it was kept."""
        return bool(await self._connections.fetchval(_REMOVE, user_id, listing_id))

    async def of_user(
        self, user_id: int, *, limit: int | None, offset: int, after: tuple[datetime, int] | None
    ) -> tuple[list[Favorite], int]:
        """A page of a user's favorites and the number of all; `limit` None means all of them."""
        before, last_id = after or (None, None)
        if before is not None:
            before = before.astimezone(UTC).replace(tzinfo=None)  # the column has no zone, and means UTC
        rows = await self._connections.fetch(_OF_USER, user_id, limit, offset, before, last_id)
        found = [
            Favorite(user_id, row["listing_id"], row["created_at"].replace(tzinfo=UTC))
            for row in rows
            if row["listing_id"] is not None
        ]
        return found, rows[0]["total"]

    async def users_of(self, listing_id: int) -> list[int]:
        """Ids of the users who keep a listing, ascending."""
        return [row["user_id"] for row in await self._connections.fetch(_USERS_OF, listing_id)]

    async def among(self, pairs: Sequence[tuple[int, int]]) -> Mapping[tuple[int, int], bool]:
        """Those of the asked (user, listing) pairs that exist."""
        users, listings = [user for user, _ in pairs], [listing for _, listing in pairs]
        rows = await self._connections.fetch(_AMONG, users, listings)
        return {(row["user_id"], row["listing_id"]): True for row in rows}
