"""Listings over REST."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from listings.domain.listings import ListingChange, ListingFilter, NewListing, SourceType, Status
from listings.domain.search import SearchQuery, Sort
from listings.transport.render import json as render
from listings.transport.rest import bodies, shapes
from listings.transport.rest.access import acting_user, is_admin
from listings.transport.rest.parameters import (
    HIGHEST_ID,
    Language,
    Limit,
    ListingId,
    Offset,
    OptionalId,
    PageNumber,
    PageToken,
    Price,
    UserInQuery,
    WholeNumber,
    offset_of,
    refusals,
)
from listings.transport.rest.route import CallOf, EdgeRoute
from listings.transport.rest.service import ServiceOf

Words = Annotated[
    str, Query(max_length=200, description="Words to look for: at least 2 characters. `q` wins over `query`.")
]
Owner = Annotated[
    WholeNumber | None, Query(ge=1, le=HIGHEST_ID, alias="user_id", description="Who offers it.")
]


router = APIRouter(prefix="/api/v1/listings", tags=["Listings"], route_class=EdgeRoute)


@router.get("", name="ListListings", response_model=shapes.Listings, responses=refusals())
async def list_listings(
    service: ServiceOf,
    limit: Limit = 20,
    offset: Offset = None,
    page: PageNumber = None,
    page_token: PageToken = "",
    user_id: Owner = None,
    storefront_id: OptionalId = None,
    category_id: OptionalId = None,
    status: Status | None = None,
    source_type: SourceType | None = None,
    min_price: Price = None,
    max_price: Price = None,
    lang: Language = None,  # noqa: ARG001 - clients send it everywhere; a listing has one language
) -> JSONResponse:
    """List listings with their images, newest first; of every status unless `status` says which."""
    found = await service.listings.list(
        ListingFilter.checked(
            user_id=user_id,
            storefront_id=storefront_id,
            category_id=category_id,
            status=status,
            min_price=min_price,
            max_price=max_price,
            source_type=source_type,
        ),
        limit=limit,
        offset=offset_of(limit, offset, page),
        token=page_token,
    )
    return JSONResponse(render.listing_page(found))


@router.post(
    "",
    name="CreateListing",
    status_code=201,
    response_model=shapes.Listing,
    responses=refusals(404, 409, body=True, who=True),
)
async def create_listing(service: ServiceOf, call: CallOf, body: bodies.NewListing) -> JSONResponse:
    """Create a listing as a draft. A private sale (c2c) expires after 30 days."""
    new = NewListing.checked(
        user_id=acting_user(call, body.user_id, where="body"),
        storefront_id=body.storefront_id,
        title=body.title,
        description=body.description,
        price=body.price,
        currency=body.currency,
        category_id=body.category_id,
        quantity=body.quantity,
        sku=body.sku,
        source_type=body.source_type,
    )
    if new.storefront_id is not None:
        await service.ownership.check_storefront(new.storefront_id, call.required_owner())
    created = await service.listings.create(new)
    return JSONResponse(render.listing(created), 201, headers={"Location": f"/api/v1/listings/{created.id}"})


# Before the path of one listing, or `search` would be read as an id.
@router.get("/search", name="SearchListings", response_model=shapes.Found, responses=refusals())
async def search_listings(
    service: ServiceOf,
    q: Words = "",
    query: Words = "",
    limit: Limit = 20,
    offset: Offset = None,
    page: PageNumber = None,
    page_token: PageToken = "",
    sort: Sort | None = None,
    category_id: OptionalId = None,
    storefront_id: OptionalId = None,
    source_type: SourceType | None = None,
    min_price: Price = None,
    max_price: Price = None,
    lang: Language = None,  # noqa: ARG001 - as above
) -> JSONResponse:
    """Find active public listings by words and filters; without words all that pass the filters."""
    found = await service.search.search(
        SearchQuery.checked(
            q or query,
            sort=sort or "",
            category_id=category_id,
            min_price=min_price,
            max_price=max_price,
            source_type=source_type,
            storefront_id=storefront_id,
        ),
        limit=limit,
        offset=offset_of(limit, offset, page),
        token=page_token,
    )
    return JSONResponse({"data": render.listing_page(found)})


@router.get("/{listing_id}", name="GetListing", response_model=shapes.Listing, responses=refusals(404))
async def get_listing(service: ServiceOf, listing_id: ListingId) -> JSONResponse:
    """Show one listing of any status. Reading is no view."""
    return JSONResponse(render.listing(await service.listings.get(listing_id)))


@router.put(
    "/{listing_id}",
    name="UpdateListing",
    response_model=shapes.Listing,
    responses=refusals(404, 409, body=True, who=True),
)
async def update_listing(
    service: ServiceOf, call: CallOf, listing_id: ListingId, body: bodies.ListingChange
) -> JSONResponse:
    """Change the fields that the body holds; the rest stays. For the owner."""
    user_id = acting_user(call, body.user_id, where="body")
    change = ListingChange.checked(
        title=body.title,
        description=body.description,
        price=body.price,
        quantity=body.quantity,
        status=body.status,
    )
    return JSONResponse(render.listing(await service.listings.update(listing_id, user_id, change)))


@router.delete("/{listing_id}", name="DeleteListing", status_code=204, responses=refusals(404, who=True))
async def delete_listing(
    service: ServiceOf, call: CallOf, listing_id: ListingId, user_id: UserInQuery = None
) -> Response:
    """Delete a listing and its images. For the owner, or an administrator's token."""
    acting = acting_user(call, user_id, where="query")
    await service.listings.delete(listing_id, acting, as_admin=is_admin(call))
    return Response(status_code=204)
