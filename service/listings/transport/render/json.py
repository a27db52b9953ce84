"""Domain values as the JSON of the REST edge.

A key whose value is absent is left out; lists are `[]` when empty. Moments are RFC 3339 in UTC with
microseconds. Prices are JSON numbers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal

    from listings.domain.categories import Category
    from listings.domain.favorites import Favorite
    from listings.domain.listings import Image, Listing, ListingPage, Location
    from listings.domain.search import SearchResult
    from listings.domain.storefronts import Storefront, StorefrontPage

Json = dict[str, Any]


def moment(value: datetime) -> str:
    """`2026-11-22T23:08:30.123456Z`: always a fraction, so that texts sort as the moments do."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def listing(value: Listing) -> Json:
    """One listing with its images, tags and location."""
    return _present(
        id=value.id,
        uuid=str(value.uuid),
        slug=value.slug,
        user_id=value.user_id,
        storefront_id=value.storefront_id,
        title=value.title,
        description=value.description,
        price=float(value.price),
        currency=value.currency,
        category_id=value.category_id,
        status=str(value.status),
        visibility=value.visibility,
        quantity=value.quantity,
        sku=value.sku,
        source_type=str(value.source_type),
        stock_status=value.stock_status,
        views_count=value.view_count,
        favorites_count=value.favorites_count,
        expires_at=_moment(value.expires_at),
        created_at=moment(value.created_at),
        updated_at=moment(value.updated_at),
        published_at=_moment(value.published_at),
        deleted_at=_moment(value.deleted_at),
        is_deleted=value.is_deleted,
        images=[image(one) for one in value.images],
        tags=list(value.tags),
        location=location(value.location) if value.location else None,
    )


def listing_page(value: ListingPage | SearchResult) -> Json:
    """One page of listings, with how many match in all."""
    return {
        "listings": [listing(one) for one in value.listings],
        "total": value.total,
        "next_page_token": value.next_page_token,
    }


def image(value: Image) -> Json:
    """One image of a listing."""
    return _present(
        id=value.id,
        listing_id=value.listing_id,
        url=value.url,
        storage_path=value.storage_path,
        thumbnail_url=value.thumbnail_url,
        display_order=value.display_order,
        is_primary=value.is_primary,
        width=value.width,
        height=value.height,
        file_size=value.file_size,
        mime_type=value.mime_type,
        created_at=moment(value.created_at),
        updated_at=moment(value.updated_at),
    )


def location(value: Location) -> Json:
    """Where a listing is."""
    return _present(
        id=value.id,
        listing_id=value.listing_id,
        country=value.country,
        city=value.city,
        postal_code=value.postal_code,
        address_line1=value.address_line1,
        address_line2=value.address_line2,
        latitude=_number(value.latitude),
        longitude=_number(value.longitude),
        created_at=moment(value.created_at),
        updated_at=moment(value.updated_at),
    )


def category(value: Category, language: str | None = None) -> Json:
    """One category, its name in `language` where it has one."""
    return _present(
        id=value.id,
        name=value.name if language is None else value.name_in(language),
        slug=value.slug,
        parent_id=value.parent_id,
        icon=value.icon,
        description=value.description,
        is_active=value.is_active,
        listing_count=value.listing_count,
        sort_order=value.sort_order,
        level=value.level,
        translations=dict(value.translations),
        has_custom_ui=value.has_custom_ui,
        custom_ui_component=value.custom_ui_component,
        created_at=_moment(value.created_at),
    )


def favorite(value: Favorite) -> Json:
    """A listing that a user keeps."""
    return {
        "user_id": value.user_id,
        "listing_id": value.listing_id,
        "created_at": moment(value.created_at),
    }


def storefront_page(value: StorefrontPage) -> Json:
    """One page of storefronts, with how many match in all."""
    return {
        "storefronts": [storefront(one) for one in value.storefronts],
        "total": value.total,
        "next_page_token": value.next_page_token,
    }


def storefront(value: Storefront) -> Json:
    """One storefront."""
    return _present(
        id=value.id,
        user_id=value.user_id,
        slug=value.slug,
        name=value.name,
        description=value.description,
        logo_url=value.logo_url,
        banner_url=value.banner_url,
        phone=value.phone,
        email=value.email,
        website=value.website,
        address=value.address,
        city=value.city,
        postal_code=value.postal_code,
        country=value.country,
        latitude=_number(value.latitude),
        longitude=_number(value.longitude),
        is_active=value.is_active,
        is_verified=value.is_verified,
        rating=float(value.rating),
        reviews_count=value.reviews_count,
        products_count=value.products_count,
        sales_count=value.sales_count,
        views_count=value.views_count,
        followers_count=value.followers_count,
        created_at=moment(value.created_at),
        updated_at=moment(value.updated_at),
    )


def _present(**keys: Any) -> Json:
    return {key: value for key, value in keys.items() if value is not None}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else moment(value)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
