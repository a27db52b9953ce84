"""Walking all listings to build a search index anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from listings.domain.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.domain.listings import Listing

IN_A_BATCH: Final = 100
MOST_IN_A_BATCH: Final = 1000
# Ten full batches; whoever walks reports each batch.
MOST_RESET: Final = 10_000


@dataclass(frozen=True, slots=True)
class ReindexBatch:
    """Active listings in the order of their ids; `more`: others have higher ids."""

    listings: tuple[Listing, ...]
    more: bool

    @property
    def next_cursor(self) -> int | None:
        """The `last_id` that continues the walk; None at its end."""
        return self.listings[-1].id if self.more else None


def batch_size(wanted: int) -> int:
    """How many listings a request means: 0 or less is 100, more than 1000 is 1000."""
    return IN_A_BATCH if wanted <= 0 else min(wanted, MOST_IN_A_BATCH)


def checked_ids(listing_ids: Sequence[int]) -> list[int]:
    """Distinct listing ids in ascending order; raises InvalidArgument naming a bad element."""
    if len(listing_ids) > MOST_RESET:
        raise invalid("listing_ids", f"listing_ids must have at most {MOST_RESET} elements")
    for index, listing_id in enumerate(listing_ids):
        if listing_id <= 0:
            raise invalid(f"listing_ids[{index}]", f"listing_ids[{index}] must be greater than 0")
    return sorted(set(listing_ids))
