"""Images in PostgreSQL. Whoever writes them has locked their listing first (`ListingRows.lock`)."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Final

from listings.db.statements import statement
from listings.domain.listings import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from listings.db.connections import Connections
    from listings.db.session import Session
    from listings.domain.images import NewImage, Place

_BY_IDS: Final = statement("images", "by_ids")
_OF_LISTING: Final = statement("images", "of_listing")
_CLEAR_PRIMARY: Final = statement("images", "clear_primary")
_ADD: Final = statement("images", "add")
_LISTING_OF: Final = statement("images", "listing_of")
_REMOVE: Final = statement("images", "remove")
_PLACE: Final = statement("images", "place")


class ImageRows:
    """Reads and writes `listing_images`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def by_ids(self, ids: Sequence[int]) -> Mapping[int, Image]:
        """Images of undeleted listings by id; unknown ids are missing."""
        return {row["id"]: Image(*row) for row in await self._connections.fetch(_BY_IDS, ids)}

    async def of_listing(self, listing_id: int) -> list[Image]:
        """The images of a listing in the order they are shown; none of an unknown or deleted one."""
        return [Image(*row) for row in await self._connections.fetch(_OF_LISTING, listing_id)]

    async def listing_of(self, session: Session, image_id: int) -> int | None:
        """The id of an image's listing, or None when there is no such image."""
        found: int | None = await session.fetchval(_LISTING_OF, image_id)
        return found

    async def add(self, session: Session, new: NewImage) -> Image:
        """Store an image; a primary one takes the mark from whichever had it."""
        if new.is_primary:
            await session.execute(_CLEAR_PRIMARY, new.listing_id)
        row = await session.fetchrow(_ADD, *astuple(new))
        assert row is not None, "INSERT ... RETURNING answers with its row"
        return Image(*row)

    async def remove(self, session: Session, image_id: int) -> bool:
        """Remove an image; whether it was still there."""
        return await session.execute(_REMOVE, image_id) > 0

    async def place(self, session: Session, listing_id: int, places: Sequence[Place]) -> int:
        """Set the places of a listing's images; how many of those named are its own."""
        return await session.execute(
            _PLACE,
            listing_id,
            [place.image_id for place in places],
            [place.display_order for place in places],
        )
