"""Variants as the older message family writes them: flat texts, an absolute stock, no options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from listings.domain.errors import AlreadyExists, FieldViolation, NotFound, invalid
from listings.domain.images import LONGEST_URL
from listings.domain.money import price_from_wire
from listings.domain.text import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

MOST_VARIANTS: Final = 1000
MOST_ATTRIBUTES: Final = 50
LONGEST_SKU: Final = 100
LONGEST_ATTRIBUTE_NAME: Final = 100
LONGEST_ATTRIBUTE: Final = 1000


class VariantNotFound(NotFound):
    """variants.not_found"""  # noqa: D400 - a token that clients branch on

    reason = "VARIANT_NOT_FOUND"


class VariantSkuTaken(AlreadyExists):
    """variants.sku_duplicate"""  # noqa: D400 - a token that clients branch on

    reason = "VARIANT_SKU_DUPLICATE"


@dataclass(frozen=True, slots=True)
class NewListingVariant:
    """A variant to create; `price` None: the listing's price holds. An empty sku is none."""

    sku: str | None
    price: Decimal | None
    stock: int
    attributes: Mapping[str, str]
    image_url: str | None

    @classmethod
    def checked(
        cls,
        *,
        sku: str = "",
        price: float | None = None,
        stock: int | None = None,
        attributes: Mapping[str, str] | None = None,
        image_url: str | None = None,
        place: str = "",
    ) -> NewListingVariant:
        """Values that a caller sent; raises InvalidArgument naming the field under `place`."""
        return cls(
            _sku(sku, f"{place}sku"),
            None if price is None else price_from_wire(price, field=f"{place}price", zero_allowed=True),
            _stock(stock or 0, f"{place}stock"),
            _attributes(attributes or {}, f"{place}attributes"),
            None if image_url is None else _image_url(image_url, f"{place}image_url"),
        )


@dataclass(frozen=True, slots=True)
class ListingVariantChange:
    """What changes in a variant: None leaves a field as it is, an empty text clears it."""

    sku: str | None
    price: Decimal | None
    stock: int | None
    attributes: Mapping[str, str] | None
    image_url: str | None
    is_active: bool | None

    @classmethod
    def checked(
        cls,
        *,
        sku: str | None = None,
        price: float | None = None,
        stock: int | None = None,
        attributes: Mapping[str, str] | None = None,
        image_url: str | None = None,
        is_active: bool | None = None,
    ) -> ListingVariantChange:
        """Values that a caller sent; raises InvalidArgument naming the field.

        An empty map of attributes leaves them as they are, as old clients expect.
        """
        return cls(
            None if sku is None else _sku(sku, "sku") or "",
            None if price is None else price_from_wire(price, zero_allowed=True),
            None if stock is None else _stock(stock, "stock"),
            _attributes(attributes, "attributes") if attributes else None,
            None if image_url is None else _image_url(image_url, "image_url") or "",
            is_active,
        )


def check_batch(variants: Sequence[NewListingVariant]) -> None:
    """Raise InvalidArgument for too many, VariantSkuTaken for a sku that two of them share."""
    if len(variants) > MOST_VARIANTS:
        raise invalid("variants", f"variants must have at most {MOST_VARIANTS} elements")
    seen: set[str] = set()
    for index, variant in enumerate(variants):
        if variant.sku is None:
            continue
        if variant.sku in seen:
            field = f"variants[{index}].sku"
            raise VariantSkuTaken(
                metadata={"sku": variant.sku}, fields=[FieldViolation(field, "an earlier one has this sku")]
            )
        seen.add(variant.sku)


def _sku(value: str, field: str) -> str | None:
    return bounded(value, field=field, longest=LONGEST_SKU) or None


def _image_url(value: str, field: str) -> str | None:
    return bounded(value, field=field, longest=LONGEST_URL) or None


def _stock(value: int, field: str) -> int:
    if value < 0:
        raise invalid(field, f"{field} must be 0 or more")
    return value


def _attributes(values: Mapping[str, str], field: str) -> dict[str, str]:
    if len(values) > MOST_ATTRIBUTES:
        raise invalid(field, f"{field} must have at most {MOST_ATTRIBUTES} entries")
    cleaned: dict[str, str] = {}
    for name, value in values.items():
        key = bounded(name, field=field, longest=LONGEST_ATTRIBUTE_NAME, required=True)
        cleaned[key] = bounded(value, field=f"{field}[{key}]", longest=LONGEST_ATTRIBUTE)
    return cleaned
