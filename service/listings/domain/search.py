"""What is searched for: words, filters, an order; checked before any index sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from listings.domain import text
from listings.domain.errors import invalid
from listings.domain.listings import ListingFilter, Status
from listings.domain.paging import newest_key, newest_position

if TYPE_CHECKING:
    from datetime import datetime

    from listings.domain.listings import Listing

SHORTEST_QUERY: Final = 2
# Longer than any title's half that a person types; bounds the work of one search.
LONGEST_QUERY: Final = 200
_HIGHEST_RANK: Final = 1000
_HIGHEST_PRICE: Final = Decimal(10) ** 13  # what numeric(15,2) can hold


class Sort(StrEnum):
    """An order of results; ties are decided by id."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Which listings are wanted, in which order. Hashable: cursors and counts belong to one query.

    `words` are as typed, without white space inside; none means every listing that passes the filter.
    """

    words: tuple[str, ...] = ()
    wanted: ListingFilter = field(default_factory=lambda: ListingFilter(status=Status.ACTIVE))
    sort: Sort = Sort.NEWEST

    @classmethod
    def checked(
        cls,
        query: str,
        *,
        sort: str = "",
        category_id: int | None = None,
        min_price: float | None = None,
        max_price: float | None = None,
        source_type: str | None = None,
        storefront_id: int | None = None,
    ) -> SearchQuery:
        """From values as a caller sent them; raises InvalidArgument naming the field at fault."""
        cleaned = text.one_line(query)
        if cleaned and len(cleaned) < SHORTEST_QUERY:
            raise invalid("query", f"query must be empty or have at least {SHORTEST_QUERY} characters")
        if len(cleaned) > LONGEST_QUERY:
            raise invalid("query", f"query must have at most {LONGEST_QUERY} characters")
        return cls(
            words=tuple(cleaned.split()),
            wanted=ListingFilter.checked(
                category_id=category_id,
                storefront_id=storefront_id,
                min_price=min_price,
                max_price=max_price,
                source_type=source_type,
                status=Status.ACTIVE,
            ),
            sort=_sort(sort, has_words=bool(cleaned)),
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the sort key of its last row.

    `rank` is a whole number, so that it survives a cursor unchanged; a float would not compare equal to
    itself after a round trip. `close` says that the pages are those of similar words.
    """

    close: bool
    rank: int
    created_at: datetime
    price: Decimal
    id: int

    def key(self) -> tuple[int, int, int, str, int]:
        """The position as parts of a cursor."""
        moment, id_ = newest_key(self.created_at, self.id)
        return int(self.close), self.rank, moment, str(self.price), id_

    @classmethod
    def of_key(cls, key: tuple[str | int | float | None, ...]) -> Position:
        """The position that `key` made parts of; raises InvalidArgument naming page_token for forged ones."""
        match key:
            case (0 | 1 as close, int(rank), moment, str(price), id_) if 0 <= rank <= _HIGHEST_RANK:
                created_at, listing_id = newest_position((moment, id_))
                return cls(bool(close), rank, created_at, _price(price), listing_id)
            case _:
                raise _forged()


KEY_LENGTH: Final = 5


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A part of what was found; `total` counts all of it.

    `close`: nothing matched the words themselves, these are listings with similar ones.
    `degraded`: the configured index was away and another one answered.
    """

    listings: tuple[Listing, ...]
    total: int
    last: Position | None = None
    close: bool = False
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A search page as callers get it."""

    listings: tuple[Listing, ...]
    total: int
    next_page_token: str = ""


def _sort(given: str, *, has_words: bool) -> Sort:
    if not given:
        return Sort.RELEVANCE if has_words else Sort.NEWEST
    try:
        sort = Sort(given)
    except ValueError:
        raise invalid("sort", f"sort must be one of {', '.join(Sort)}") from None
    # Without words every listing is equally relevant, and equal relevance is ordered by newest.
    return Sort.NEWEST if sort is Sort.RELEVANCE and not has_words else sort


def _price(value: str) -> Decimal:
    try:
        price = Decimal(value)
    except InvalidOperation:
        raise _forged() from None
    if not price.is_finite() or not 0 <= price < _HIGHEST_PRICE:
        raise _forged()
    return price


def _forged() -> Exception:
    return invalid(
        "page_token",
        "page_token is not one this service gave: start again without it",
        reason="PAGE_TOKEN_INVALID",
    )
