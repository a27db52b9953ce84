"""Categories over REST: roots by default, all or one level on request, names in three languages."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse

from listings.domain.errors import invalid
from listings.transport.render import json as render
from listings.transport.rest import shapes
from listings.transport.rest.parameters import CategoryId, Language, OptionalId, refusals
from listings.transport.rest.route import EdgeRoute
from listings.transport.rest.service import ServiceOf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from listings.domain.categories import Category


Everything = Annotated[bool, Query(alias="all", description="Every level, not the roots alone.")]


router = APIRouter(prefix="/api/v1/categories", tags=["Categories"], route_class=EdgeRoute)


@router.get("", name="GetRootCategories", response_model=shapes.Categories, responses=refusals(404))
async def list_categories(
    service: ServiceOf,
    lang: Language = None,
    parent_id: OptionalId = None,
    everything: Everything = False,
) -> JSONResponse:
    """List active categories by sort order, then name: the roots, or the children of `parent_id`."""
    if parent_id is not None and everything:
        raise invalid("parent_id", "parent_id and all=true exclude each other: send one of them")
    found: Iterable[Category]
    if parent_id is not None:
        found = [branch.category for branch in (await service.categories.tree(parent_id)).children]
    else:
        found = await (service.categories.active() if everything else service.categories.roots())
    rendered = [render.category(category, lang) for category in found]
    return JSONResponse({"categories": rendered, "total": len(rendered)})


@router.get("/{category_id}", name="GetCategory", response_model=shapes.Category, responses=refusals(404))
async def get_category(service: ServiceOf, category_id: CategoryId, lang: Language = None) -> JSONResponse:
    """Show one category, an inactive one too."""
    return JSONResponse(render.category(await service.categories.get(category_id), lang))
