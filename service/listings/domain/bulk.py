"""What bulk changes of products report: which items were left out, and why."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from listings.domain.errors import FieldViolation, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from listings.domain.products import Product

S = TypeVar("S")
T = TypeVar("T")

# One call, one transaction: more would hold its locks too long.
MOST_ITEMS: Final = 1000


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why the item at `index` of the request was left out; `code` is a token that clients branch on."""

    index: int
    code: str
    message: str
    product_id: int | None = None


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """The products that were written, in request order, and the items that were not, by index."""

    products: tuple[Product, ...]
    errors: tuple[ItemError, ...]


@dataclass(frozen=True, slots=True)
class BulkDeletion:
    """How many products were deleted (or had been before), how many variants went with them."""

    deleted: int
    variants_deleted: int
    errors: tuple[ItemError, ...]


def value_or_error(make: Callable[[S], T], source: S) -> T | InvalidArgument:
    """What `make` makes of the source, or the broken rule that keeps it from it."""
    try:
        return make(source)
    except InvalidArgument as error:
        return error


@contextmanager
def in_item(path: str) -> Iterator[None]:
    """Tell errors of the fields inside as fields of the item at `path` (`variants[3]`)."""
    try:
        yield
    except InvalidArgument as error:
        is_token = error.message.startswith("variants.")
        raise InvalidArgument(
            error.message if is_token else f"{path}: {error.message}",
            reason=error.reason,
            metadata=error.metadata,
            fields=[FieldViolation(f"{path}.{broken.field}", broken.description) for broken in error.fields],
        ) from error
