"""Categories as wire messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.transport.fields import rfc3339
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from listings.domain.categories import Branch, Category


def category_message(category: Category) -> pb.Category:
    """One category as clients see it."""
    return pb.Category(
        id=category.id,
        name=category.name,
        slug=category.slug,
        parent_id=category.parent_id,
        icon=category.icon,
        description=category.description,
        is_active=category.is_active,
        listing_count=category.listing_count,
        sort_order=category.sort_order,
        level=category.level,
        translations=category.translations,
        has_custom_ui=category.has_custom_ui,
        custom_ui_component=category.custom_ui_component,
        created_at=rfc3339(category.created_at) if category.created_at else "",
    )


def categories_message(categories: Iterable[Category]) -> pb.CategoriesResponse:
    """Several categories, in the order given."""
    return pb.CategoriesResponse(categories=[category_message(category) for category in categories])


def branch_message(branch: Branch) -> pb.CategoryTreeNode:
    """A category with all that is below it."""
    category = branch.category
    return pb.CategoryTreeNode(
        id=category.id,
        name=category.name,
        slug=category.slug,
        icon=category.icon,
        parent_id=category.parent_id,
        level=category.level,
        path=branch.path,
        listing_count=category.listing_count,
        children_count=len(branch.children),
        children=[branch_message(child) for child in branch.children],
        translations=category.translations,
        has_custom_ui=category.has_custom_ui,
        custom_ui_component=category.custom_ui_component,
        created_at=rfc3339(category.created_at) if category.created_at else "",
    )
