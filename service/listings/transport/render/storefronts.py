"""Storefronts as wire messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.transport.fields import rfc3339
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from listings.domain.storefronts import Storefront, StorefrontPage


def storefront_message(storefront: Storefront) -> pb.Storefront:
    """One storefront as clients see it."""
    return pb.Storefront(
        id=storefront.id,
        user_id=storefront.user_id,
        slug=storefront.slug,
        name=storefront.name,
        description=storefront.description,
        logo_url=storefront.logo_url,
        banner_url=storefront.banner_url,
        phone=storefront.phone,
        email=storefront.email,
        website=storefront.website,
        address=storefront.address,
        city=storefront.city,
        postal_code=storefront.postal_code,
        country=storefront.country,
        latitude=float(storefront.latitude) if storefront.latitude is not None else None,
        longitude=float(storefront.longitude) if storefront.longitude is not None else None,
        is_active=storefront.is_active,
        is_verified=storefront.is_verified,
        rating=float(storefront.rating),
        reviews_count=storefront.reviews_count,
        products_count=storefront.products_count,
        sales_count=storefront.sales_count,
        views_count=storefront.views_count,
        followers_count=storefront.followers_count,
        created_at=rfc3339(storefront.created_at),
        updated_at=rfc3339(storefront.updated_at),
    )


def storefronts_message(page: StorefrontPage) -> pb.ListStorefrontsResponse:
    """One page of storefronts."""
    return pb.ListStorefrontsResponse(
        storefronts=[storefront_message(storefront) for storefront in page.storefronts],
        total=page.total,
        next_page_token=page.next_page_token,
    )
