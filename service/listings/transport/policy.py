"""One row per method: who may call it, how long it may take, how often, what it may answer.

The one place for such facts: pipelines enforce them, metrics pre-create their statuses, documentation
is generated from them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from listings.settings import TimeoutSettings

SERVICE: Final = "listings.v1.ListingsService"


class Access(Enum):
    """Who may call when identity is on."""

    PUBLIC = "public"
    USER = "user"
    """Users for themselves and what they own; services whose token has the method's scope."""
    SERVICE = "service"
    """Services whose token has the method's scope; users only as administrators."""


class Scope(StrEnum):
    """What the `scope` claim of a service's token may hold."""

    READ = "listings:read"
    WRITE = "listings:write"
    STOCK = "listings:stock"
    INDEX = "listings:index"


class LimitBy(Enum):
    """Whose calls share a token bucket."""

    IP = "ip"
    USER = "user_id"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `per_minute` calls at once, refilled evenly over a minute."""

    per_minute: int
    by: LimitBy


@dataclass(frozen=True, slots=True)
class Policy:
    """The facts of one method. Times in seconds."""

    method: str
    access: Access
    scope: Scope | None
    writes: bool
    timeout_default: float
    timeout_tight: float
    limit: RateLimit | None
    statuses: tuple[str, ...]
    failure: str = ""
    """The text of INTERNAL where clients know one; its request id stands in the details."""

    def time_limit(self, settings: TimeoutSettings) -> float:
        """Longest time of a call in seconds."""
        preset = self.timeout_tight if settings.preset == "tight" else self.timeout_default
        return settings.seconds.get(self.method, preset)

    @property
    def path(self) -> str:
        """The full gRPC method name, as metrics and limits know it."""
        return f"/{SERVICE}/{self.method}"


_COMMON: Final = (
    "OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "INTERNAL", "CANCELLED",
)  # fmt: skip
_AUTH: Final = ("UNAUTHENTICATED", "PERMISSION_DENIED")

_READ = {
    "GetListing": ("NOT_FOUND",),
    "SearchListings": (),
    "ListListings": (),
    "GetListingImage": ("NOT_FOUND",),
    "GetListingImages": (),
    "GetRootCategories": (),
    "GetAllCategories": (),
    "GetPopularCategories": (),
    "GetCategory": ("NOT_FOUND",),
    "GetCategoryTree": ("NOT_FOUND",),
    "GetStorefront": ("NOT_FOUND",),
    "GetStorefrontBySlug": ("NOT_FOUND",),
    "ListStorefronts": (),
    "GetVariants": (),
    "GetProduct": ("NOT_FOUND",),
    "GetProductsBySKUs": (),
    "GetProductsByIDs": (),
    "ListProducts": (),
    "GetVariant": ("NOT_FOUND",),
    "GetVariantsByProductID": (),
    "CheckStockAvailability": (),
}

# Reads that say something about a person or a shop's business: they need a token when identity is on.
_PRIVATE_READ = {
    "GetFavoritedUsers": (),
    "GetUserFavorites": (),
    "IsFavorite": (),
    "GetListingsForReindex": (),
    "GetProductStats": (),
    "GetInventoryHistory": (),
}

_WRITE = {
    "CreateListing": ("ALREADY_EXISTS",),
    "UpdateListing": ("NOT_FOUND", "FAILED_PRECONDITION"),
    "DeleteListing": ("NOT_FOUND",),
    "DeleteListingImage": ("NOT_FOUND",),
    "AddListingImage": ("NOT_FOUND",),
    "ReorderListingImages": ("NOT_FOUND",),
    "AddToFavorites": ("NOT_FOUND",),
    "RemoveFromFavorites": (),
    "CreateVariants": ("NOT_FOUND", "ALREADY_EXISTS"),
    "UpdateVariant": ("NOT_FOUND", "ALREADY_EXISTS"),
    "DeleteVariant": ("NOT_FOUND",),
    "ResetReindexFlags": (),
    "SyncDiscounts": (),
    "DecrementStock": (),
    "RollbackStock": (),
    "CreateProduct": ("NOT_FOUND", "ALREADY_EXISTS"),
    "UpdateProduct": ("NOT_FOUND", "ALREADY_EXISTS"),
    "DeleteProduct": ("NOT_FOUND", "FAILED_PRECONDITION"),
    "BulkCreateProducts": ("NOT_FOUND",),
    "BulkUpdateProducts": (),
    "BulkDeleteProducts": (),
    "CreateProductVariant": ("NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"),
    "UpdateProductVariant": ("NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"),
    "DeleteProductVariant": ("NOT_FOUND",),
    "BulkCreateProductVariants": ("NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"),
    "RecordInventoryMovement": ("NOT_FOUND", "FAILED_PRECONDITION"),
    "BatchUpdateStock": (),
    "IncrementProductViews": ("NOT_FOUND",),
}

# Orders and the index are the business of services: a user's token alone opens neither.
_OF_SERVICES: Final = {
    "DecrementStock": Scope.STOCK,
    "RollbackStock": Scope.STOCK,
    "GetListingsForReindex": Scope.INDEX,
    "ResetReindexFlags": Scope.INDEX,
    "SyncDiscounts": Scope.INDEX,
}
_STOCK: Final = frozenset({"RecordInventoryMovement", "BatchUpdateStock"})

_TIGHT: Final = {
    "GetListing": 5.0,
    "CreateListing": 10.0,
    "UpdateListing": 10.0,
    "DeleteListing": 15.0,
    "SearchListings": 8.0,
    "ListListings": 5.0,
    "IncrementProductViews": 3.0,
    "GetProductStats": 5.0,
    "RecordInventoryMovement": 8.0,
    "BatchUpdateStock": 20.0,
}

# The eleven inherited endpoints, their wrong service names mended.
_LIMITS: Final = {
    "GetListing": RateLimit(200, LimitBy.IP),
    "CreateListing": RateLimit(50, LimitBy.USER),
    "UpdateListing": RateLimit(50, LimitBy.USER),
    "DeleteListing": RateLimit(20, LimitBy.USER),
    "SearchListings": RateLimit(300, LimitBy.IP),
    "ListListings": RateLimit(200, LimitBy.IP),
    "IncrementProductViews": RateLimit(100, LimitBy.IP),
    "GetProductStats": RateLimit(300, LimitBy.IP),
    "RecordInventoryMovement": RateLimit(50, LimitBy.USER),
    "BatchUpdateStock": RateLimit(20, LimitBy.USER),
    "CheckStockAvailability": RateLimit(200, LimitBy.IP),
}
_FAILURES: Final = {
    "CreateProduct": "products.create_failed",
    "UpdateProduct": "products.update_failed",
    "DeleteProduct": "products.delete_failed",
    "BulkCreateProducts": "products.bulk_create_failed",
    "BulkUpdateProducts": "products.bulk_update_failed",
    "BulkDeleteProducts": "products.bulk_delete_failed",
    "GetProductStats": "products.stats_failed",
    "IncrementProductViews": "products.increment_views_failed",
    "CreateProductVariant": "variants.create_failed",
    "UpdateProductVariant": "variants.update_failed",
    "DeleteProductVariant": "variants.delete_failed",
    "BulkCreateProductVariants": "variants.bulk_create_failed",
    "RecordInventoryMovement": "inventory.update_failed",
    "BatchUpdateStock": "inventory.batch_update_failed",
}
STRICT_LIMIT: Final = RateLimit(100, LimitBy.IP)


def _policies() -> Iterator[Policy]:
    for group, private, writes in ((_READ, False, False), (_PRIVATE_READ, True, False), (_WRITE, True, True)):
        for method, own in group.items():
            access, scope = _rights(method, writes=writes) if private else (Access.PUBLIC, None)
            statuses = (*_COMMON, *own, *(_AUTH if private else ()))
            if writes:
                statuses = (*statuses, "ABORTED")
            yield Policy(
                method,
                access,
                scope,
                writes,
                timeout_default=10.0 if method == "SearchListings" else 30.0,
                timeout_tight=_TIGHT.get(method, 30.0),
                limit=_LIMITS.get(method),
                statuses=tuple(dict.fromkeys(statuses)),
                failure=_FAILURES.get(method, ""),
            )


def _rights(method: str, *, writes: bool) -> tuple[Access, Scope]:
    if method in _OF_SERVICES:
        return Access.SERVICE, _OF_SERVICES[method]
    if method in _STOCK:
        return Access.USER, Scope.STOCK
    return Access.USER, Scope.WRITE if writes else Scope.READ


POLICIES: Final[dict[str, Policy]] = {policy.method: policy for policy in _policies()}


def no_such_method(name: str) -> str:
    """What to tell who named a method that is none."""
    near = difflib.get_close_matches(name, POLICIES, n=1)
    return f"no such method{f'; did you mean {near[0]}?' if near else ''}"
