"""What a job that builds the search index anew needs from PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from listings.db.listings import SHAPE, listing_of
from listings.db.statements import Statement, statement
from listings.domain.reindex import MOST_IN_A_BATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.db.connections import Connections
    from listings.domain.listings import Listing

# The inner LIMIT is a number, not a parameter: only then does the planner know that it reads few rows of
# the primary key, and not a tenth of the table.
_AFTER: Final = Statement(
    "reindex.after",
    f"""{SHAPE}
    JOIN (
        SELECT following.id FROM (
            SELECT id FROM listings
            WHERE id > $1::bigint AND status = 'active' AND is_deleted = false
            ORDER BY id LIMIT {MOST_IN_A_BATCH + 1}
        ) AS following
        LIMIT $2::int
    ) AS batch ON batch.id = l.id
    ORDER BY l.id""",  # noqa: S608 - a constant of ours
)
_FINISH: Final = statement("reindex", "finish")


class FinishedJob(NamedTuple):
    """A row of the queue that is done; `status_before` is `failed` where an attempt had failed."""

    operation: str
    status_before: str
    seconds: float


class ReindexRows:
    """Walks `listings`, and finishes rows of `indexing_queue`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def after(self, last_id: int, *, limit: int) -> list[Listing]:
        """Up to `limit` (at most 1001) whole active undeleted listings with ids above `last_id`, ascending."""
        return [listing_of(row) for row in await self._connections.fetch(_AFTER, last_id, limit)]

    async def finish(self, listing_ids: Sequence[int]) -> list[FinishedJob]:
        """Mark queued work of these listings as done; what that was, and how long it had waited."""
        return [FinishedJob(*row) for row in await self._connections.fetch(_FINISH, listing_ids)]
