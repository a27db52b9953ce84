"""Products: the listings of a storefront, as the newer message family shows them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from listings.domain import text
from listings.domain.attributes import attributes as storable
from listings.domain.errors import AlreadyExists, FieldViolation, NotFound, invalid
from listings.domain.listings import Status
from listings.domain.money import price_from_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from listings.domain.variants import Variant

LONGEST_CODE: Final = 100
LONGEST_ADDRESS: Final = 1000
HIGHEST_STOCK: Final = 2**31 - 1
HIGHEST_ID: Final = 2**63 - 1

# A hundred-millionth of a degree is a millimetre; the columns hold no more.
_DEGREE: Final = Decimal("0.00000001")


class LocationPrivacy(StrEnum):
    """How precisely a location may be shown; agrees with `listings_location_privacy_check`."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    HIDDEN = "hidden"


class ProductNotFound(NotFound):
    """products.not_found"""  # noqa: D400 - the wire's own text

    reason = "PRODUCT_NOT_FOUND"


class StorefrontNotFound(NotFound):
    """storefront not found"""  # noqa: D400 - the wire's own text

    reason = "STOREFRONT_NOT_FOUND"


def category_unknown() -> NotFound:
    """No product may be put into a category that does not exist or is inactive."""
    return NotFound(
        "products.invalid_category_id",
        reason="CATEGORY_NOT_FOUND",
        fields=[FieldViolation("category_id", "no active category has this id: GetAllCategories lists them")],
    )


def sku_taken() -> AlreadyExists:
    """A storefront has at most one undeleted product of a SKU."""
    return AlreadyExists(
        "products.sku_duplicate",
        reason="PRODUCT_SKU_DUPLICATE",
        fields=[FieldViolation("sku", "another product of the storefront has this sku: choose another")],
    )


@dataclass(frozen=True, slots=True)
class Product:
    """One product; `variants` is filled only where a read says so."""

    id: int
    storefront_id: int
    name: str
    description: str
    price: Decimal
    currency: str
    category_id: int
    sku: str | None
    barcode: str | None
    stock_quantity: int
    stock_status: str
    status: Status
    attributes: Mapping[str, Any]
    view_count: int
    sold_count: int
    created_at: datetime
    updated_at: datetime
    has_individual_location: bool
    individual_address: str | None
    individual_latitude: Decimal | None
    individual_longitude: Decimal | None
    location_privacy: str | None
    show_on_map: bool
    has_variants: bool
    variants: tuple[Variant, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether it is on sale."""
        return self.status is Status.ACTIVE


@dataclass(frozen=True, slots=True)
class ProductPage:
    """One page of products; `total` counts all that match."""

    products: tuple[Product, ...]
    total: int
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class NewProduct:
    """What a storefront wants to offer; every rule that needs no database holds already."""

    name: str
    description: str
    price: Decimal
    currency: str
    category_id: int
    sku: str | None = None
    barcode: str | None = None
    stock_quantity: int = 0
    is_active: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)
    has_individual_location: bool = False
    individual_address: str | None = None
    individual_latitude: Decimal | None = None
    individual_longitude: Decimal | None = None
    location_privacy: str | None = None
    show_on_map: bool = False
    has_variants: bool = False

    @classmethod
    def checked(cls, *, name: str, price: float, currency: str, category_id: int, **rest: Any) -> NewProduct:
        """From values as a caller sent them, None where absent; raises InvalidArgument naming the field."""
        given = {"name": name, "price": price, "currency": currency, "category_id": category_id, **rest}
        values = {key: _CHECKS[key](value) for key, value in given.items() if value is not None}
        return cls(**{"description": "", **values, **_removed(values)})

    @property
    def status(self) -> Status:
        """The stage it begins in."""
        return Status.ACTIVE if self.is_active else Status.INACTIVE

    @property
    def stock_status(self) -> str:
        """A new product has stock or not; whether it is low is judged when stock moves."""
        return "in_stock" if self.stock_quantity > 0 else "out_of_stock"


@dataclass(frozen=True, slots=True)
class ProductChange:
    """What is to change in a product; None leaves a field as it is, an empty text removes it."""

    name: str | None = None
    description: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    category_id: int | None = None
    sku: str | None = None
    barcode: str | None = None
    is_active: bool | None = None
    attributes: Mapping[str, Any] | None = None
    has_individual_location: bool | None = None
    individual_address: str | None = None
    individual_latitude: Decimal | None = None
    individual_longitude: Decimal | None = None
    location_privacy: str | None = None
    show_on_map: bool | None = None

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> ProductChange:
        """From the fields a caller wants written; raises InvalidArgument naming the one at fault."""
        return cls(**{key: _CHECKS[key](value) for key, value in given.items()})

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing at all."""
        return all(getattr(self, part.name) is None for part in fields(self))

    def applied_to(self, product: Product) -> Product:
        """The product with the change in it; what it was before decides what `is_active` means."""
        values = {
            part.name: value
            for part in fields(self)
            if (value := getattr(self, part.name)) is not None and part.name != "is_active"
        }
        return replace(product, **{**values, **_removed(values), "status": self._status(product.status)})

    def _status(self, before: Status) -> Status:
        if self.is_active is None or self.is_active is (before is Status.ACTIVE):
            return before
        return Status.ACTIVE if self.is_active else Status.INACTIVE


CHANGEABLE: Final = frozenset(part.name for part in fields(ProductChange))

# An empty text removes these; every other text is required or may be empty.
_REMOVABLE: Final = frozenset({"sku", "barcode", "individual_address", "location_privacy"})


def _removed(values: Mapping[str, Any]) -> dict[str, None]:
    return {key: None for key in _REMOVABLE & values.keys() if values[key] == ""}


def _name(value: str) -> str:
    cleaned = text.title(value, field="name")
    if text.is_blank(cleaned):
        raise invalid("name", "name must have something visible in it")
    return cleaned


def _category_id(value: int) -> int:
    if not 0 < value <= HIGHEST_ID:
        raise invalid("category_id", "category_id must be greater than 0")
    return value


def _stock_quantity(value: int) -> int:
    if not 0 <= value <= HIGHEST_STOCK:
        raise invalid("stock_quantity", f"stock_quantity must be between 0 and {HIGHEST_STOCK}")
    return value


def _privacy(value: str) -> str:
    if value == "":
        return value
    try:
        # The interface's comments once said `public` where everything else says `exact`.
        return LocationPrivacy.EXACT if value == "public" else LocationPrivacy(value)
    except ValueError:
        known = ", ".join(LocationPrivacy)
        raise invalid("location_privacy", f"location_privacy must be one of {known}") from None


def _degrees(value: float, *, name: str, highest: int) -> Decimal:
    if not -highest <= value <= highest:  # also refuses NaN
        raise invalid(name, f"{name} must be between -{highest} and {highest} degrees")
    return Decimal(repr(float(value))).quantize(_DEGREE, rounding=ROUND_HALF_EVEN)


_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": _name,
    "description": text.description,
    "price": price_from_wire,
    "currency": text.currency,
    "category_id": _category_id,
    "sku": partial(text.bounded, field="sku", longest=LONGEST_CODE),
    "barcode": partial(text.bounded, field="barcode", longest=LONGEST_CODE),
    "stock_quantity": _stock_quantity,
    "is_active": bool,
    "attributes": storable,
    "has_individual_location": bool,
    "individual_address": partial(text.bounded, field="individual_address", longest=LONGEST_ADDRESS),
    "individual_latitude": partial(_degrees, name="individual_latitude", highest=90),
    "individual_longitude": partial(_degrees, name="individual_longitude", highest=180),
    "location_privacy": _privacy,
    "show_on_map": bool,
    "has_variants": bool,
}
