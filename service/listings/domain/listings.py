"""Listings: what is offered, by whom, and the life it may lead."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from listings.domain.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID


class Status(StrEnum):
    """A listing's stage; agrees with the CHECK `listings_status_check` (tested)."""

    DRAFT = "draft"
    ACTIVE = "active"
    INACTIVE = "inactive"
    SOLD = "sold"
    ARCHIVED = "archived"


class SourceType(StrEnum):
    """Who offers: a person, a shop's product, or a shop itself."""

    C2C = "c2c"
    B2C = "b2c"
    STOREFRONT = "storefront"


TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.ACTIVE, Status.INACTIVE}),
    Status.ACTIVE: frozenset({Status.SOLD, Status.INACTIVE, Status.ARCHIVED}),
    Status.INACTIVE: frozenset({Status.ACTIVE, Status.DRAFT}),
    Status.SOLD: frozenset({Status.ACTIVE}),
    Status.ARCHIVED: frozenset(),
}


def check_transition(now: Status, wanted: Status) -> None:
    """Raise FailedPrecondition unless a listing may go from one stage to the other."""
    if wanted not in TRANSITIONS[now]:
        allowed = ", ".join(sorted(TRANSITIONS[now])) or "none: it is final"
        raise FailedPrecondition(
            f"a listing cannot go from {now} to {wanted}; from {now} it may go to: {allowed}",
            reason="STATUS_TRANSITION",
            metadata={"from": now, "to": wanted},
        )


@dataclass(frozen=True, slots=True)
class Image:
    """One picture of a listing; the bytes live elsewhere. Sizes in pixels and bytes."""

    id: int
    listing_id: int
    url: str
    storage_path: str | None
    thumbnail_url: str | None
    display_order: int
    is_primary: bool
    width: int | None
    height: int | None
    file_size: int | None
    mime_type: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Attribute:
    """One named fact about a listing."""

    id: int
    listing_id: int
    key: str
    value: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Location:
    """Where a listing is; degrees WGS 84."""

    id: int
    listing_id: int
    country: str | None
    city: str | None
    postal_code: str | None
    address_line1: str | None
    address_line2: str | None
    latitude: Decimal | None
    longitude: Decimal | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ListingVariant:
    """A variant as the older message family shows it."""

    id: int
    listing_id: int
    sku: str
    price: Decimal | None
    stock: int
    attributes: Mapping[str, str]
    image_url: str | None
    is_active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing as callers see it, with whatever belongs to it."""

    id: int
    uuid: UUID
    slug: str
    user_id: int
    storefront_id: int | None
    title: str
    description: str | None
    price: Decimal
    currency: str
    category_id: int
    status: Status
    visibility: str
    quantity: int
    sku: str | None
    source_type: SourceType
    stock_status: str | None
    view_count: int
    favorites_count: int
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    deleted_at: datetime | None
    is_deleted: bool
    images: tuple[Image, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    tags: tuple[str, ...] = ()
    location: Location | None = None
    variants: tuple[ListingVariant, ...] = field(default=())
