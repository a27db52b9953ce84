"""Favorites over REST: the paths of people's clients, and those of the old client library."""

import asyncio

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from listings.domain.errors import NotFound
from listings.domain.listings import Listing
from listings.transport.fields import int32_id
from listings.transport.render import json as render
from listings.transport.rest import shapes
from listings.transport.rest.access import acting_user
from listings.transport.rest.bodies import ActingUser
from listings.transport.rest.parameters import (
    Limit,
    ListingId,
    Offset,
    PageNumber,
    PageToken,
    UserId,
    UserInQuery,
    offset_of,
    refusals,
)
from listings.transport.rest.route import CallOf, EdgeRoute
from listings.transport.rest.service import ServiceOf
from listings.usecases.listings import Listings

router = APIRouter(prefix="/api/v1", tags=["Favorites"], route_class=EdgeRoute)


@router.post(
    "/favorites/{listing_id}",
    name="AddToFavorites",
    status_code=201,
    response_model=shapes.Favorite,
    responses=refusals(404, body=True, who=True),
)
async def add_favorite(
    service: ServiceOf, call: CallOf, listing_id: ListingId, body: ActingUser | None = None
) -> JSONResponse:
    """Keep a listing. Keeping it again is fine and changes nothing."""
    user_id = int32_id(acting_user(call, body.user_id if body else None, where="body"), "user_id")
    favorite = await service.favorites.add(user_id, int32_id(listing_id, "listing_id"))
    return JSONResponse(render.favorite(favorite), 201)


@router.get(
    "/favorites",
    name="GetUserFavorites",
    response_model=shapes.Favorites,
    responses=refusals(404, who=True),
)
async def list_favorites(
    service: ServiceOf,
    call: CallOf,
    user_id: UserInQuery = None,
    limit: Limit = 20,
    offset: Offset = None,
    page: PageNumber = None,
    page_token: PageToken = "",
) -> JSONResponse:
    """List the listings that a user keeps, newest favorite first. Deleted listings are left out."""
    user = int32_id(acting_user(call, user_id, where="query"), "user_id")
    found = await service.favorites.of_user(
        user, limit=limit, offset=offset_of(limit, offset, page), token=page_token
    )
    kept = await _existing(service.listings, found.listing_ids)
    return JSONResponse(
        {
            "favorites": [render.listing(listing) for listing in kept],
            "total": found.total,
            "next_page_token": found.next_page_token,
        }
    )


@router.delete(
    "/favorites/{listing_id}",
    name="RemoveFromFavorites",
    status_code=204,
    responses=refusals(404, who=True),
)
async def remove_favorite(
    service: ServiceOf, call: CallOf, listing_id: ListingId, user_id: UserInQuery = None
) -> Response:
    """Stop keeping a listing. Removing what is not there is fine."""
    user = int32_id(acting_user(call, user_id, where="query"), "user_id")
    await service.favorites.remove(user, int32_id(listing_id, "listing_id"))
    return Response(status_code=204)


@router.get(
    "/favorites/{listing_id}/is-favorite",
    name="IsFavorite",
    response_model=shapes.IsFavoriteAnswer,
    responses=refusals(404, who=True),
)
async def is_favorite(
    service: ServiceOf, call: CallOf, listing_id: ListingId, user_id: UserInQuery = None
) -> JSONResponse:
    """Tell whether a user keeps a listing."""
    user = int32_id(acting_user(call, user_id, where="query"), "user_id")
    kept = await service.favorites.is_favorite(user, int32_id(listing_id, "listing_id"))
    return JSONResponse({"data": {"is_favorite": kept}})


@router.get(
    "/favorites/{listing_id}/users",
    name="GetFavoritedUsers",
    response_model=shapes.UserIdsAnswer,
    responses=refusals(404, who=True),
)
async def users_of_favorite(service: ServiceOf, listing_id: ListingId) -> JSONResponse:
    """List the users who keep a listing."""
    users = await service.favorites.users_of(int32_id(listing_id, "listing_id"))
    return JSONResponse({"data": {"user_ids": users}})


@router.get(
    "/users/{user_id}/favorites",
    name="GetUserFavorites",
    response_model=shapes.FavoriteIdsAnswer,
    responses=refusals(404, who=True),
)
async def favorite_ids(service: ServiceOf, call: CallOf, user_id: UserId) -> JSONResponse:
    """List the ids of all listings that a user keeps, newest favorite first."""
    user = int32_id(call.acting_user(user_id), "user_id")
    found = await service.favorites.of_user(user)
    return JSONResponse({"data": {"listing_ids": list(found.listing_ids), "total": found.total}})


async def _existing(listings: Listings, ids: tuple[int, ...]) -> list[Listing]:
    """Those of the listings that still exist, in the order given; asked together, so one query."""
    found = await asyncio.gather(*(listings.get(listing_id) for listing_id in ids), return_exceptions=True)
    kept: list[Listing] = []
    for listing in found:
        if isinstance(listing, BaseException):
            if not isinstance(listing, NotFound):
                raise listing
        else:
            kept.append(listing)
    return kept
