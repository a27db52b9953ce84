"""Maintenance of the search index on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.transport.render.listings import listing_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from listings.transport.call import Call, Handler
    from listings.usecases.reindex import Reindexing

_EMPTY: Final = b""

# gRPC clients refuse answers above 4 MiB unless told otherwise; one listing has some 100 KB at most.
_LARGEST_ANSWER_BYTES: Final = 3 * 1024 * 1024


class ReindexHandlers:
    """GetListingsForReindex, ResetReindexFlags, SyncDiscounts."""

    def __init__(self, reindexing: Reindexing) -> None:
        self._reindexing = reindexing

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetListingsForReindex": self.batch,
            "ResetReindexFlags": self.reset,
            "SyncDiscounts": self.sync_discounts,
        }

    async def batch(self, data: bytes, call: Call) -> bytes:
        """The next batch of the walk, cut short where it would be too large to receive."""
        request = pb.ReindexRequest.FromString(data)
        batch = await self._reindexing.batch(request.batch_size, last_id=request.last_id)
        answer = pb.ListingsResponse(next_cursor=batch.next_cursor)
        size = 0
        for listing in batch.listings:
            message = listing_message(listing)
            size += message.ByteSize()
            if size > _LARGEST_ANSWER_BYTES and answer.listings:
                answer.next_cursor = answer.listings[-1].id
                break
            answer.listings.append(message)
        answer.total = len(answer.listings)
        return answer.SerializeToString()

    async def reset(self, data: bytes, call: Call) -> bytes:
        """Mark queued work as done."""
        await self._reindexing.finish(pb.ResetFlagsRequest.FromString(data).listing_ids)
        return _EMPTY

    def sync_discounts(self, data: bytes, call: Call) -> bytes:
        """Nothing: old clients call it, but there are no discounts in this service."""
        return _EMPTY
