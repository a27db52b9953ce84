"""Images on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.domain.images import NewImage
from listings.transport.fields import positive_id
from listings.transport.render.listings import image_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from listings.cache.encoded import EncodedCache
    from listings.transport.call import Call, Handler
    from listings.usecases.images import Images

_EMPTY: Final = b""


class ImageHandlers:
    """GetListingImage, AddListingImage, GetListingImages, DeleteListingImage, ReorderListingImages."""

    def __init__(self, images: Images, cache: EncodedCache) -> None:
        self._images = images
        self._cache = cache

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetListingImage": self.get,
            "AddListingImage": self.add,
            "GetListingImages": self.of_listing,
            "DeleteListingImage": self.delete,
            "ReorderListingImages": self.reorder,
        }

    async def get(self, data: bytes, call: Call) -> bytes:
        """One image."""
        image_id = positive_id(pb.ImageIDRequest.FromString(data).image_id, "image_id")
        image = await self._images.get(image_id)
        return pb.ImageResponse(image=image_message(image)).SerializeToString()

    async def add(self, data: bytes, call: Call) -> bytes:
        """Add an image."""
        request = pb.AddImageRequest.FromString(data)
        new = NewImage.checked(
            positive_id(request.listing_id, "listing_id"),
            request.url,
            storage_path=request.storage_path if request.HasField("storage_path") else None,
            thumbnail_url=request.thumbnail_url if request.HasField("thumbnail_url") else None,
            display_order=request.display_order,
            is_primary=request.is_primary,
            width=request.width if request.HasField("width") else None,
            height=request.height if request.HasField("height") else None,
            file_size=request.file_size if request.HasField("file_size") else None,
            mime_type=request.mime_type if request.HasField("mime_type") else None,
        )
        image = await self._images.add(new, owner=call.required_owner())
        return pb.ImageResponse(image=image_message(image)).SerializeToString()

    def of_listing(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """The images of a listing: at once when they are cached."""
        listing_id = positive_id(pb.ListingIDRequest.FromString(data).listing_id, "listing_id")
        cached = self._cache.get(("listing", listing_id), "images")
        return cached if cached is not None else self._read(listing_id)

    async def delete(self, data: bytes, call: Call) -> bytes:
        """Remove an image."""
        image_id = positive_id(pb.ImageIDRequest.FromString(data).image_id, "image_id")
        await self._images.remove(image_id, owner=call.required_owner())
        return _EMPTY

    async def reorder(self, data: bytes, call: Call) -> bytes:
        """Give images their places."""
        request = pb.ReorderImagesRequest.FromString(data)
        await self._images.reorder(
            positive_id(request.listing_id, "listing_id"),
            [(place.image_id, place.display_order) for place in request.image_orders],
            owner=call.required_owner(),
        )
        return _EMPTY

    async def _read(self, listing_id: int) -> bytes:
        async def load() -> bytes:
            images = await self._images.of_listing(listing_id)
            return pb.ImagesResponse(images=[image_message(image) for image in images]).SerializeToString()

        return await self._cache.fill(("listing", listing_id), "images", load)
