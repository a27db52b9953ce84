"""Storefronts over REST."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import JSONResponse

from listings.domain.storefronts import SortBy, StorefrontQuery
from listings.domain.text import bounded
from listings.transport.render import json as render
from listings.transport.rest import shapes
from listings.transport.rest.parameters import (
    HIGHEST_INT32,
    OptionalId,
    PageToken,
    StorefrontId,
    WholeNumber,
    refusals,
)
from listings.transport.rest.route import EdgeRoute
from listings.transport.rest.service import ServiceOf

Count = Annotated[
    WholeNumber, Query(ge=-HIGHEST_INT32, le=HIGHEST_INT32, description="0 or less: 20; more than 100: 100.")
]
Skip = Annotated[
    WholeNumber, Query(ge=-HIGHEST_INT32, le=1_000_000, description="Rows to skip; less than 0: 0.")
]
Slug = Annotated[str, Path(max_length=200)]
City = Annotated[str | None, Query(max_length=200, description="Exact name.")]


router = APIRouter(prefix="/api/v1/storefronts", tags=["Storefronts"], route_class=EdgeRoute)


@router.get("", name="ListStorefronts", response_model=shapes.Storefronts, responses=refusals())
async def list_storefronts(
    service: ServiceOf,
    limit: Count = 20,
    offset: Skip = 0,
    page_token: PageToken = "",
    user_id: OptionalId = None,
    is_active: bool | None = None,
    is_verified: bool | None = None,
    city: City = None,
    sort_by: SortBy = SortBy.CREATED_AT,
    sort_order: Literal["asc", "desc"] = "desc",
) -> JSONResponse:
    """List storefronts, newest first unless sorted otherwise."""
    query = StorefrontQuery.checked(
        user_id=user_id,
        is_active=is_active,
        is_verified=is_verified,
        city=city,
        sort_by=sort_by,
        sort_order=sort_order,
    )
    found = await service.storefronts.list(query, limit=limit, offset=offset, token=page_token)
    return JSONResponse(render.storefront_page(found))


@router.get(
    "/slug/{slug}",
    name="GetStorefrontBySlug",
    response_model=shapes.Storefront,
    responses=refusals(404),
)
async def get_storefront_by_slug(service: ServiceOf, slug: Slug) -> JSONResponse:
    """Show the storefront with this slug."""
    wanted = bounded(slug, field="slug", longest=100, required=True)
    return JSONResponse(render.storefront(await service.storefronts.by_slug(wanted)))


@router.get(
    "/{storefront_id}", name="GetStorefront", response_model=shapes.Storefront, responses=refusals(404)
)
async def get_storefront(service: ServiceOf, storefront_id: StorefrontId) -> JSONResponse:
    """Show one storefront, an inactive one too."""
    return JSONResponse(render.storefront(await service.storefronts.get(storefront_id)))
