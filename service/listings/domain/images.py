"""Images of listings: what may be added, and in which order they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from listings.domain.errors import NotFound, invalid
from listings.domain.text import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

# What browsers and proxies still carry in one address line.
LONGEST_URL: Final = 2048
# One call reorders one listing's images; nobody has more.
MOST_PLACES: Final = 1000


class ImageNotFound(NotFound):
    """image not found"""  # noqa: D400 - the wire's own text

    reason = "IMAGE_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image to add: an address and what is known about the file. Sizes in pixels and bytes."""

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

    @classmethod
    def checked(
        cls,
        listing_id: int,
        url: str,
        *,
        storage_path: str | None = None,
        thumbnail_url: str | None = None,
        display_order: int = 0,
        is_primary: bool = False,
        width: int | None = None,
        height: int | None = None,
        file_size: int | None = None,
        mime_type: str | None = None,
    ) -> NewImage:
        """Values that a caller sent; raises InvalidArgument naming the field."""
        return cls(
            listing_id,
            bounded(url, field="url", longest=LONGEST_URL, required=True),
            _text(storage_path, "storage_path", 1024),
            _text(thumbnail_url, "thumbnail_url", LONGEST_URL),
            _not_negative(display_order, "display_order"),
            is_primary,
            None if width is None else _not_negative(width, "width"),
            None if height is None else _not_negative(height, "height"),
            None if file_size is None else _not_negative(file_size, "file_size"),
            _text(mime_type, "mime_type", 100),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where one image stands among its listing's: lower first."""

    image_id: int
    display_order: int


def checked_places(places: Sequence[tuple[int, int]]) -> list[Place]:
    """The (image id, display order) pairs of a reordering; raises InvalidArgument naming the element."""
    if not places:
        raise invalid("image_orders", "image_orders must not be empty")
    if len(places) > MOST_PLACES:
        raise invalid("image_orders", f"image_orders must have at most {MOST_PLACES} elements")
    seen: set[int] = set()
    for index, (image_id, display_order) in enumerate(places):
        element = f"image_orders[{index}]"
        if image_id <= 0:
            raise invalid(f"{element}.image_id", f"{element}.image_id must be greater than 0")
        if image_id in seen:
            raise invalid(f"{element}.image_id", f"{element}.image_id {image_id} is named twice")
        _not_negative(display_order, f"{element}.display_order")
        seen.add(image_id)
    return [Place(image_id, display_order) for image_id, display_order in places]


def _text(value: str | None, field: str, longest: int) -> str | None:
    return None if value is None else bounded(value, field=field, longest=longest) or None


def _not_negative(value: int, field: str) -> int:
    if value < 0:
        raise invalid(field, f"{field} must be 0 or more")
    return value
