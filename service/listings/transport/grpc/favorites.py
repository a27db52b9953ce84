"""Favorites on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.transport.fields import positive_id
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from listings.transport.call import Call, Handler
    from listings.usecases.favorites import Favorites

_EMPTY: Final = b""


class FavoriteHandlers:
    """GetFavoritedUsers, AddToFavorites, RemoveFromFavorites, GetUserFavorites, IsFavorite."""

    def __init__(self, favorites: Favorites) -> None:
        self._favorites = favorites

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetFavoritedUsers": self.favorited_users,
            "AddToFavorites": self.add,
            "RemoveFromFavorites": self.remove,
            "GetUserFavorites": self.of_user,
            "IsFavorite": self.is_favorite,
        }

    async def favorited_users(self, data: bytes, call: Call) -> bytes:
        """Who keeps a listing."""
        request = pb.ListingIDRequest.FromString(data)
        users = await self._favorites.users_of(positive_id(request.listing_id, "listing_id"))
        return pb.UserIDsResponse(user_ids=users).SerializeToString()

    async def add(self, data: bytes, call: Call) -> bytes:
        """Keep a listing."""
        request = pb.AddToFavoritesRequest.FromString(data)
        user_id = call.acting_user(request.user_id)
        await self._favorites.add(user_id, positive_id(request.listing_id, "listing_id"))
        return _EMPTY

    async def remove(self, data: bytes, call: Call) -> bytes:
        """Stop keeping a listing."""
        request = pb.RemoveFromFavoritesRequest.FromString(data)
        user_id = call.acting_user(request.user_id)
        await self._favorites.remove(user_id, positive_id(request.listing_id, "listing_id"))
        return _EMPTY

    async def of_user(self, data: bytes, call: Call) -> bytes:
        """A user's favorites."""
        request = pb.GetUserFavoritesRequest.FromString(data)
        user_id = call.acting_user(request.user_id)
        found = await self._favorites.of_user(
            user_id, limit=request.limit, offset=request.offset, token=request.page_token
        )
        return pb.GetUserFavoritesResponse(
            listing_ids=found.listing_ids, total=found.total, next_page_token=found.next_page_token
        ).SerializeToString()

    async def is_favorite(self, data: bytes, call: Call) -> bytes:
        """Whether a user keeps a listing."""
        request = pb.IsFavoriteRequest.FromString(data)
        user_id = call.acting_user(request.user_id)
        kept = await self._favorites.is_favorite(user_id, positive_id(request.listing_id, "listing_id"))
        return pb.IsFavoriteResponse(is_favorite=kept).SerializeToString()
