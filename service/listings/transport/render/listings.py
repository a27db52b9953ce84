"""Listings as messages: for the handlers of listings, search and reindexing.

Called once per listing of a page: arguments are given to the constructor at once, which is what
protobuf's C implementation does fastest, and absent optional fields are given as None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.transport.fields import rfc3339
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from datetime import datetime

    from listings.domain.listings import Attribute, Image, Listing, ListingVariant, Location


def listing_message(listing: Listing) -> pb.Listing:
    """One listing with all that belongs to it."""
    return pb.Listing(
        id=listing.id,
        uuid=str(listing.uuid),
        user_id=listing.user_id,
        storefront_id=listing.storefront_id,
        title=listing.title,
        description=listing.description,
        price=float(listing.price),
        currency=listing.currency,
        category_id=listing.category_id,
        status=listing.status.value,
        visibility=listing.visibility,
        quantity=listing.quantity,
        sku=listing.sku,
        views_count=listing.view_count,
        favorites_count=listing.favorites_count,
        created_at=rfc3339(listing.created_at),
        updated_at=rfc3339(listing.updated_at),
        published_at=_moment(listing.published_at),
        deleted_at=_moment(listing.deleted_at),
        is_deleted=listing.is_deleted,
        images=[image_message(image) for image in listing.images],
        attributes=[_attribute(attribute) for attribute in listing.attributes],
        tags=listing.tags,
        location=_location(listing.location) if listing.location is not None else None,
        variants=[listing_variant_message(variant) for variant in listing.variants],
        slug=listing.slug,
        source_type=listing.source_type.value,
        stock_status=listing.stock_status,
        expires_at=_moment(listing.expires_at),
    )


def image_message(image: Image) -> pb.ListingImage:
    """One image of a listing."""
    return pb.ListingImage(
        id=image.id,
        listing_id=image.listing_id,
        url=image.url,
        storage_path=image.storage_path,
        thumbnail_url=image.thumbnail_url,
        display_order=image.display_order,
        is_primary=image.is_primary,
        width=image.width,
        height=image.height,
        file_size=image.file_size,
        mime_type=image.mime_type,
        created_at=rfc3339(image.created_at),
        updated_at=rfc3339(image.updated_at),
    )


def listing_variant_message(variant: ListingVariant) -> pb.ListingVariant:
    """One variant in the older message family."""
    return pb.ListingVariant(
        id=variant.id,
        listing_id=variant.listing_id,
        sku=variant.sku,
        price=float(variant.price) if variant.price is not None else None,
        stock=variant.stock,
        attributes=variant.attributes,
        image_url=variant.image_url,
        is_active=variant.is_active,
        created_at=rfc3339(variant.created_at),
        updated_at=rfc3339(variant.updated_at),
    )


def _attribute(attribute: Attribute) -> pb.ListingAttribute:
    return pb.ListingAttribute(
        id=attribute.id,
        listing_id=attribute.listing_id,
        attribute_key=attribute.key,
        attribute_value=attribute.value,
        created_at=rfc3339(attribute.created_at),
    )


def _location(location: Location) -> pb.ListingLocation:
    return pb.ListingLocation(
        id=location.id,
        listing_id=location.listing_id,
        country=location.country,
        city=location.city,
        postal_code=location.postal_code,
        address_line1=location.address_line1,
        address_line2=location.address_line2,
        latitude=float(location.latitude) if location.latitude is not None else None,
        longitude=float(location.longitude) if location.longitude is not None else None,
        created_at=rfc3339(location.created_at),
        updated_at=rfc3339(location.updated_at),
    )


def _moment(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None
