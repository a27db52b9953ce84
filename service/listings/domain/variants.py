"""Variants of a product: sizes, colours and so on, each with a price and stock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from listings.domain import text
from listings.domain.attributes import attributes as storable
from listings.domain.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    invalid,
)
from listings.domain.inventory import LOW_STOCK_THRESHOLD, stock_status
from listings.domain.listing_variants import VariantSkuTaken
from listings.domain.money import price_from_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

MOST_IN_BULK: Final = 1000
LONGEST_CODE: Final = 100
HIGHEST_COUNT: Final = 2**31 - 1
HIGHEST_WEIGHT: Final = Decimal("9999999.999")
_GRAM: Final = Decimal("0.001")


class ProductOfVariantNotFound(NotFound):
    """variants.product_not_found"""  # noqa: D400 - the wire's own text

    reason = "PRODUCT_NOT_FOUND"


class ProductWithoutVariants(FailedPrecondition):
    """variants.product_no_variants"""  # noqa: D400 - the wire's own text

    reason = "PRODUCT_HAS_NO_VARIANTS"


class LastActiveVariant(FailedPrecondition):
    """variants.last_variant"""  # noqa: D400 - the wire's own text

    reason = "LAST_ACTIVE_VARIANT"


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant; without a price of its own the product's holds. Weight in kilograms."""

    id: int
    product_id: int
    sku: str | None
    barcode: str | None
    price: Decimal | None
    compare_at_price: Decimal | None
    cost_price: Decimal | None
    stock_quantity: int
    stock_status: str
    low_stock_threshold: int | None
    variant_attributes: Mapping[str, Any]
    weight: Decimal | None
    dimensions: Mapping[str, Any] | None
    is_active: bool
    is_default: bool
    view_count: int
    sold_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewVariant:
    """What a product is to be had in; every rule that needs no database holds already."""

    sku: str | None = None
    barcode: str | None = None
    price: Decimal | None = None
    compare_at_price: Decimal | None = None
    cost_price: Decimal | None = None
    stock_quantity: int = 0
    low_stock_threshold: int = LOW_STOCK_THRESHOLD
    variant_attributes: Mapping[str, Any] = field(default_factory=dict)
    weight: Decimal | None = None
    dimensions: Mapping[str, Any] | None = None
    is_default: bool = False

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> NewVariant:
        """From values as a caller sent them, None where absent; raises InvalidArgument naming the field."""
        values = {key: _CHECKS[key](value) for key, value in given.items() if value is not None}
        return cls(**{**values, **_removed(values)})

    @property
    def stock_status(self) -> str:
        """What its stock amounts to."""
        return stock_status(self.stock_quantity, self.low_stock_threshold)


@dataclass(frozen=True, slots=True)
class VariantChange:
    """What is to change in a variant; None leaves a field as it is, an empty text removes it."""

    sku: str | None = None
    barcode: str | None = None
    price: Decimal | None = None
    compare_at_price: Decimal | None = None
    cost_price: Decimal | None = None
    stock_quantity: int | None = None
    low_stock_threshold: int | None = None
    variant_attributes: Mapping[str, Any] | None = None
    weight: Decimal | None = None
    dimensions: Mapping[str, Any] | None = None
    is_active: bool | None = None
    is_default: bool | None = None

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> VariantChange:
        """From the fields a caller wants written; raises InvalidArgument naming the one at fault."""
        return cls(**{key: _CHECKS[key](value) for key, value in given.items()})

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing at all."""
        return all(getattr(self, part.name) is None for part in fields(self))

    def applied_to(self, variant: Variant) -> Variant:
        """The variant with the change in it; its stock status follows stock and threshold."""
        values = {
            part.name: value for part in fields(self) if (value := getattr(self, part.name)) is not None
        }
        changed = replace(variant, **{**values, **_removed(values)})
        return replace(
            changed, stock_status=stock_status(changed.stock_quantity, changed.low_stock_threshold)
        )


CHANGEABLE: Final = frozenset(part.name for part in fields(VariantChange))
_REMOVABLE: Final = frozenset({"sku", "barcode"})


def check_together(variants: Sequence[NewVariant]) -> None:
    """Rules that the new variants of one call keep among themselves; raises the error of the first breach."""
    if sum(variant.is_default for variant in variants) > 1:
        raise InvalidArgument(
            "variants.multiple_defaults",
            reason="MULTIPLE_DEFAULTS",
            fields=[FieldViolation("variants", "at most one variant may be the default")],
        )
    seen: set[str] = set()
    for index, variant in enumerate(variants):
        if variant.sku is not None and variant.sku in seen:
            field = f"variants[{index}].sku"
            raise VariantSkuTaken(fields=[FieldViolation(field, "an earlier one has this sku")])
        seen.add(variant.sku or "")


def _removed(values: Mapping[str, Any]) -> dict[str, None]:
    return {key: None for key in _REMOVABLE & values.keys() if values[key] == ""}


def _stock_quantity(value: int) -> int:
    if not 0 <= value <= HIGHEST_COUNT:
        raise InvalidArgument(
            "variants.invalid_stock_quantity",
            reason="INVALID_STOCK_QUANTITY",
            fields=[FieldViolation("stock_quantity", f"must be between 0 and {HIGHEST_COUNT}")],
        )
    return value


def _threshold(value: int) -> int:
    if not 0 <= value <= HIGHEST_COUNT:
        raise invalid("low_stock_threshold", f"low_stock_threshold must be between 0 and {HIGHEST_COUNT}")
    return value


def _weight(value: float) -> Decimal:
    if not 0 <= value <= HIGHEST_WEIGHT:  # also refuses NaN
        raise invalid("weight", f"weight must be between 0 and {HIGHEST_WEIGHT} kilograms")
    return Decimal(repr(float(value))).quantize(_GRAM, rounding=ROUND_HALF_EVEN)


_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sku": partial(text.bounded, field="sku", longest=LONGEST_CODE),
    "barcode": partial(text.bounded, field="barcode", longest=LONGEST_CODE),
    "price": partial(price_from_wire, field="price", zero_allowed=True),
    "compare_at_price": partial(price_from_wire, field="compare_at_price", zero_allowed=True),
    "cost_price": partial(price_from_wire, field="cost_price", zero_allowed=True),
    "stock_quantity": _stock_quantity,
    "low_stock_threshold": _threshold,
    "variant_attributes": partial(storable, field="variant_attributes"),
    "weight": _weight,
    "dimensions": partial(storable, field="dimensions"),
    "is_active": bool,
    "is_default": bool,
}
