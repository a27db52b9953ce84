"""Short calls of the listing RPCs, for tests that need their outcome more than the call."""

from __future__ import annotations

from typing import Any

from providers.catalog import rows

from listings.v1 import listings_pb2 as pb


async def create(service: Any, request: pb.CreateListingRequest) -> pb.Listing:
    """Create a listing; what is stored."""
    return (await service.stub.CreateListing(request)).listing


async def get(service: Any, listing_id: int) -> pb.Listing:
    """Read a listing."""
    return (await service.stub.GetListing(pb.GetListingRequest(id=listing_id))).listing


async def queued(service: Any, listing_id: int) -> list[str]:
    """What the search index is asked to do with a listing."""
    found = await rows(
        service.connections,
        "SELECT operation FROM indexing_queue WHERE listing_id = $1 AND status = 'pending'",
        listing_id,
    )
    return [row["operation"] for row in found]


async def set_status(service: Any, listing_id: int, status: str) -> pb.Listing:
    """Let the owner change a listing's status; what is stored."""
    changed = await service.stub.UpdateListing(
        pb.UpdateListingRequest(id=listing_id, user_id=7, status=status)
    )
    return changed.listing
