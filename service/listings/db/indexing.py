"""The queue of listings whose search document is out of date.

Every aggregate that changes what a search may show calls `enqueue` inside the transaction of its
change: an acknowledged change is queued, an undone one is not. Rows are consumed by an external index,
when there is one, and purged by `usecases/expiry.py`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from listings.db.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from listings.db.connections import Connections
    from listings.db.session import Session

_ENQUEUE: Final = statement("indexing", "enqueue")
_PURGE_FINISHED: Final = statement("indexing", "purge_finished")
_PURGE_WAITING: Final = statement("indexing", "purge_waiting")


class Operation(StrEnum):
    """What the index is to do; agrees with the CHECK `indexing_queue_operation_check`."""

    INDEX = "index"
    UPDATE = "update"
    DELETE = "delete"


async def enqueue(session: Session, listing_ids: Sequence[int], operation: Operation) -> None:
    """Queue listings, each at most once; an empty list costs nothing. Call inside the transaction."""
    if listing_ids:
        await session.execute(_ENQUEUE, listing_ids, operation)


class IndexingRows:
    """Removes rows of `indexing_queue` that are of no further use."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def purge_finished(self, *, before: datetime, at_most: int) -> int:
        """Remove finished rows; how many there were."""
        return len(await self._connections.fetch(_PURGE_FINISHED, before, at_most))

    async def purge_waiting(self, *, before: datetime, at_most: int) -> int:
        """Remove rows that nobody took; how many there were."""
        return len(await self._connections.fetch(_PURGE_WAITING, before, at_most))
