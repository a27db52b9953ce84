"""Storefronts: the shops of business sellers, and the ways to list them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from listings.domain.errors import NotFound, invalid
from listings.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

ON_A_PAGE: Final = 20
MOST_ON_A_PAGE: Final = 100

# What a storefront may be sorted by, as a value of its column's type.
SortKey = datetime | str | Decimal | int


class StorefrontNotFound(NotFound):
    """storefront not found"""  # noqa: D400 - the wire's own text

    reason = "STOREFRONT_NOT_FOUND"


class SortBy(StrEnum):
    """What decides the order of a list."""

    CREATED_AT = "created_at"
    NAME = "name"
    RATING = "rating"
    PRODUCTS_COUNT = "products_count"
    VIEWS_COUNT = "views_count"


@dataclass(frozen=True, slots=True)
class Storefront:
    """One storefront; coordinates in degrees WGS 84."""

    id: int
    user_id: int
    slug: str
    name: str
    description: str | None
    logo_url: str | None
    banner_url: str | None
    phone: str | None
    email: str | None
    website: str | None
    address: str | None
    city: str | None
    postal_code: str | None
    country: str
    latitude: Decimal | None
    longitude: Decimal | None
    is_active: bool
    is_verified: bool
    rating: Decimal
    reviews_count: int
    products_count: int
    sales_count: int
    views_count: int
    followers_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StorefrontQuery:
    """Which storefronts, in which order; None does not narrow."""

    user_id: int | None = None
    is_active: bool | None = None
    is_verified: bool | None = None
    city: str | None = None
    sort_by: SortBy = SortBy.CREATED_AT
    descending: bool = True

    @classmethod
    def checked(
        cls,
        *,
        user_id: int | None = None,
        is_active: bool | None = None,
        is_verified: bool | None = None,
        city: str | None = None,
        sort_by: str = "",
        sort_order: str = "",
    ) -> StorefrontQuery:
        """Values that a caller sent, empty texts meaning absent; raises InvalidArgument naming the field."""
        if sort_by and sort_by not in set(SortBy):
            raise invalid("sort_by", f"sort_by must be one of {', '.join(SortBy)}")
        if sort_order not in {"", "asc", "desc"}:
            raise invalid("sort_order", "sort_order must be asc or desc")
        return cls(
            user_id,
            is_active,
            is_verified,
            one_line(city or "") or None,
            SortBy(sort_by or SortBy.CREATED_AT),
            sort_order != "asc",
        )


@dataclass(frozen=True, slots=True)
class StorefrontPage:
    """One page of storefronts; `total` counts all that match."""

    storefronts: tuple[Storefront, ...]
    total: int
    next_page_token: str = ""


def page_limit(limit: int) -> int:
    """How many storefronts a request means: 0 or less is 20, more than 100 is 100."""
    return ON_A_PAGE if limit <= 0 else min(limit, MOST_ON_A_PAGE)


def position_of(storefront: Storefront, query: StorefrontQuery) -> tuple[str, int]:
    """Where a storefront stands in a list, as a cursor keeps it."""
    key = getattr(storefront, query.sort_by)
    return key.isoformat() if isinstance(key, datetime) else str(key), storefront.id


def read_position(after: tuple[str | int | float | None, ...], query: StorefrontQuery) -> tuple[SortKey, int]:
    """What `position_of` gave, with the key in its column's type; raises InvalidArgument for forgeries."""
    key, storefront_id = after
    try:
        if not isinstance(key, str) or not isinstance(storefront_id, int) or abs(storefront_id) >= 2**31:
            raise TypeError
        return _READ[query.sort_by](key), storefront_id
    except (TypeError, ValueError, InvalidOperation) as error:
        raise invalid(
            "page_token",
            "page_token is not one this service gave: start again without it",
            reason="PAGE_TOKEN_INVALID",
        ) from error


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)  # the column has no zone


def _name(text: str) -> str:
    if "\x00" in text:
        raise ValueError
    text.encode()  # a lone surrogate is no text either
    return text


def _rating(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > 10 or not 0 <= value <= 10:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**31:
        raise ValueError
    return value


_READ: Final[dict[SortBy, Callable[[str], SortKey]]] = {
    SortBy.CREATED_AT: _moment,
    SortBy.NAME: _name,
    SortBy.RATING: _rating,
    SortBy.PRODUCTS_COUNT: _count,
    SortBy.VIEWS_COUNT: _count,
}
