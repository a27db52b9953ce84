"""Listings: what is offered, by whom, and the life it may lead."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from listings.domain import text
from listings.domain.errors import FailedPrecondition, PermissionDenied, invalid
from listings.domain.money import price_bound_from_wire, price_from_wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

# A private sale ends by itself this long after it was created or last became active.
PRIVATE_SALE_LASTS: Final = timedelta(days=30)

LONGEST_SKU: Final = 100
HIGHEST_ID: Final = 2**63 - 1
HIGHEST_QUANTITY: Final = 2**31 - 1


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


@dataclass(frozen=True, slots=True)
class NewListing:
    """What somebody wants to offer; every rule that needs no database holds already."""

    user_id: int
    storefront_id: int | None
    title: str
    description: str | None
    price: Decimal
    currency: str
    category_id: int
    quantity: int
    sku: str | None
    source_type: SourceType

    @classmethod
    def checked(
        cls,
        *,
        user_id: int,
        title: str,
        price: float,
        currency: str,
        category_id: int,
        quantity: int,
        storefront_id: int | None = None,
        description: str | None = None,
        sku: str | None = None,
        source_type: str | None = None,
    ) -> NewListing:
        """From values as a caller sent them; raises InvalidArgument naming the field at fault."""
        _check_id("user_id", user_id)
        if storefront_id is not None:
            _check_id("storefront_id", storefront_id)
        return cls(
            user_id=user_id,
            storefront_id=storefront_id,
            title=_title(title),
            description=text.description(description or "") or None,
            price=price_from_wire(price),
            currency=text.currency(currency),
            category_id=_check_id("category_id", category_id),
            quantity=_quantity(quantity),
            sku=text.bounded(sku or "", field="sku", longest=LONGEST_SKU) or None,
            source_type=_source_of_new(source_type, storefront_id),
        )

    @property
    def lasts(self) -> timedelta | None:
        """How long it is offered before it expires; None: until somebody ends it."""
        return PRIVATE_SALE_LASTS if self.source_type is SourceType.C2C else None


@dataclass(frozen=True, slots=True)
class ListingChange:
    """What is to change in a listing; None leaves a field as it is, an empty description removes it."""

    title: str | None = None
    description: str | None = None
    price: Decimal | None = None
    quantity: int | None = None
    status: Status | None = None

    @classmethod
    def checked(
        cls,
        *,
        title: str | None = None,
        description: str | None = None,
        price: float | None = None,
        quantity: int | None = None,
        status: str | None = None,
    ) -> ListingChange:
        """From values as a caller sent them; raises InvalidArgument naming the field at fault."""
        if all(value is None for value in (title, description, price, quantity, status)):
            raise invalid(
                "title", "nothing to change: give at least one of title, description, price, quantity, status"
            )
        return cls(
            title=_title(title) if title is not None else None,
            description=text.description(description) if description is not None else None,
            price=price_from_wire(price) if price is not None else None,
            quantity=_quantity(quantity) if quantity is not None else None,
            status=read_status(status) if status is not None else None,
        )

    @property
    def activates(self) -> bool:
        """Whether the listing becomes active: it is published, and a private sale's time starts anew."""
        return self.status is Status.ACTIVE

    def applied_to(self, listing: Listing) -> Listing:
        """The listing after the change; raises FailedPrecondition for a status it cannot have next."""
        if self.status is not None:
            check_transition(listing.status, self.status)
        changed = replace(
            listing,
            title=listing.title if self.title is None else self.title,
            description=listing.description if self.description is None else self.description or None,
            price=listing.price if self.price is None else self.price,
            status=listing.status if self.status is None else self.status,
        )
        if self.quantity is None or self.quantity == listing.quantity:
            return changed
        return replace(
            changed,
            quantity=self.quantity,
            stock_status=stock_status_of(self.quantity, before=listing.stock_status),
        )


@dataclass(frozen=True, slots=True)
class ListingFilter:
    """Which listings are asked for; None does not narrow. Hashable: counts are kept by it."""

    user_id: int | None = None
    storefront_id: int | None = None
    category_id: int | None = None
    status: Status | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    source_type: SourceType | None = None

    @classmethod
    def checked(
        cls,
        *,
        user_id: int | None = None,
        storefront_id: int | None = None,
        category_id: int | None = None,
        status: str | None = None,
        min_price: float | None = None,
        max_price: float | None = None,
        source_type: str | None = None,
    ) -> ListingFilter:
        """From values as a caller sent them; raises InvalidArgument naming the field at fault.

        A storefront of 0 or less and an empty status or source do not narrow, as old clients expect.
        """
        lowest = price_bound_from_wire(min_price, field="min_price") if min_price is not None else None
        highest = price_bound_from_wire(max_price, field="max_price") if max_price is not None else None
        if lowest is not None and highest is not None and lowest > highest:
            raise invalid("min_price", "min_price must not exceed max_price")
        return cls(
            user_id=_check_id("user_id", user_id) if user_id is not None else None,
            storefront_id=storefront_id if storefront_id is not None and storefront_id > 0 else None,
            category_id=_check_id("category_id", category_id) if category_id is not None else None,
            status=read_status(status) if status else None,
            min_price=lowest,
            max_price=highest,
            source_type=read_source_type(source_type) if source_type else None,
        )


@dataclass(frozen=True, slots=True)
class ListingPage:
    """One page of listings; `total` counts all that match."""

    listings: tuple[Listing, ...]
    total: int
    next_page_token: str = ""


def check_owner(listing: Listing, user_id: int) -> None:
    """Raise PermissionDenied unless the listing is this user's."""
    if listing.user_id != user_id:
        raise PermissionDenied(
            "unauthorized: user does not own this listing",
            reason="NOT_OWNER",
            metadata={"listing_id": str(listing.id)},
        )


def stock_status_of(quantity: int, *, before: str | None = None) -> str:
    """Whether there is any; what is discontinued stays so, whatever is left of it."""
    if before == "discontinued":
        return before
    return "in_stock" if quantity > 0 else "out_of_stock"


def read_status(value: str) -> Status:
    """A status by name; raises InvalidArgument with the known ones."""
    try:
        return Status(value)
    except ValueError:
        raise invalid("status", f"status must be one of {', '.join(Status)}") from None


def read_source_type(value: str) -> SourceType:
    """A source by name; raises InvalidArgument with the known ones."""
    try:
        return SourceType(value)
    except ValueError:
        raise invalid("source_type", f"source_type must be one of {', '.join(SourceType)}") from None


def _source_of_new(given: str | None, storefront_id: int | None) -> SourceType:
    """The source of a new listing: a shop's when it names a storefront, else a person's.

    A source that contradicts the storefront would make a product without a shop, or a private sale of one.
    """
    if not given:
        return SourceType.C2C if storefront_id is None else SourceType.B2C
    source = read_source_type(given)
    if source is SourceType.C2C and storefront_id is not None:
        raise invalid("source_type", "source_type c2c is a private sale: leave storefront_id out")
    if source is not SourceType.C2C and storefront_id is None:
        raise invalid("storefront_id", f"storefront_id is required for source_type {source}")
    return source


def _title(value: str) -> str:
    cleaned = text.title(value)
    if text.is_blank(cleaned):
        raise invalid("title", "title must have something visible in it")
    return cleaned


def _quantity(value: int) -> int:
    if not 0 <= value <= HIGHEST_QUANTITY:
        raise invalid("quantity", f"quantity must be between 0 and {HIGHEST_QUANTITY}")
    return value


def _check_id(name: str, value: int) -> int:
    if not 0 < value <= HIGHEST_ID:
        raise invalid(name, f"{name} must be greater than 0")
    return value
