"""What people do with listings: both edges call these, with values as their callers sent them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from listings.db.coalesce import CoalescedReads
from listings.domain.errors import Aborted, NotFound
from listings.domain.listings import ListingPage, SourceType, Status, check_owner
from listings.domain.paging import newest_key, newest_position, page, write_token
from listings.domain.slug import last_resort, numbered_stem, slug_for

if TYPE_CHECKING:
    from listings.cache.encoded import EncodedCache, Topic
    from listings.cache.invalidation import Invalidations
    from listings.db.connections import Connections
    from listings.db.listings import ListingRows
    from listings.db.session import Session
    from listings.domain.listings import Listing, ListingChange, ListingFilter, NewListing
    from listings.metrics import CatalogMetrics

_COUNTS: Final[Topic] = ("counts",)

# How far past the first free number each further attempt to take one may land: the first takes exactly
# it, later ones spread out, because whoever lost it lost it to others who look for the same number.
_SPREAD: Final = (1, 4, 16, 256)


class Listings:
    """Reading, creating, changing and deleting listings of every source."""

    def __init__(
        self,
        connections: Connections,
        rows: ListingRows,
        cache: EncodedCache,
        invalidations: Invalidations,
        metrics: CatalogMetrics,
    ) -> None:
        self._connections = connections
        self._rows = rows
        self._cache = cache
        self._invalidations = invalidations
        self._metrics = metrics
        self._by_id: CoalescedReads[int, Listing] = CoalescedReads(rows.by_ids)

    async def get(self, listing_id: int) -> Listing:
        """One undeleted listing; concurrent reads share a query. Raises NotFound."""
        listing = await self._by_id.get(listing_id)
        if listing is None:
            raise _not_found(listing_id)
        return listing

    async def list(
        self, wanted: ListingFilter, *, limit: int, offset: int = 0, token: str = ""
    ) -> ListingPage:
        """One page of the undeleted listings that pass a filter, newest first.

        What matches in all is counted at most once per filter until a listing changes, or the cache's
        time to live ends. Raises InvalidArgument naming limit, offset or page_token.
        """
        asked = page(limit, offset, token, query=wanted)
        known = self._cache.get(_COUNTS, wanted)
        fill = self._cache.begin(_COUNTS)
        found, total = await self._rows.page(
            wanted,
            limit=asked.limit + 1,
            offset=0 if asked.after else asked.offset,
            after=newest_position(asked.after) if asked.after else None,
            count=known is None,
        )
        if known is None:
            self._cache.put(fill, b"%d" % total, wanted)
        else:
            total = int(known)
        shown, more = found[: asked.limit], len(found) > asked.limit
        key = newest_key(shown[-1].created_at, shown[-1].id) if more else None
        return ListingPage(tuple(shown), total, write_token(key, query=wanted) if key else "")

    async def create(self, new: NewListing) -> Listing:
        """Store a draft under a slug of its own and queue it for the index.

        Raises InvalidArgument when the category is unknown or inactive, AlreadyExists when the
        storefront has a product of this sku already.
        """
        uuid = uuid4()
        wanted = slug_for(new.title, uuid)
        created = await self._rows.create(new, uuid, wanted)
        stem = numbered_stem(wanted)
        for spread in _SPREAD:
            if created is not None:
                break
            number = await self._rows.free_number(stem) + secrets.randbelow(spread)
            created = await self._rows.create(new, uuid, f"{stem}-{number}")
        if created is None:
            created = await self._rows.create(new, uuid, last_resort(wanted, uuid))
        if created is None:
            raise Aborted("many listings of this title are being created; retry", reason="SLUG_CONTENDED")
        self._changed(created)
        self._metrics.created()
        return created

    async def update(self, listing_id: int, user_id: int, change: ListingChange) -> Listing:
        """Change a listing for its owner and queue it for the index.

        Raises NotFound, PermissionDenied for somebody else's, FailedPrecondition for a status that it
        cannot have next.
        """

        async def work(session: Session) -> tuple[Listing, Listing]:
            before = await self._locked(session, listing_id)
            check_owner(before, user_id)
            after = change.applied_to(before)
            stored = await self._rows.change(
                session, before, after, activated=change.activates, user_id=user_id
            )
            return before, stored

        before, after = await self._connections.run_in_transaction(work)
        self._changed(before, after)
        self._metrics.updated()
        return after

    async def delete(self, listing_id: int, user_id: int, *, as_admin: bool = False) -> None:
        """Delete a listing with its images for its owner or an admin; its row stays, marked.

        Raises NotFound, also when it is deleted already, and PermissionDenied for somebody else's.
        """

        async def work(session: Session) -> Listing:
            listing = await self._locked(session, listing_id)
            if not as_admin:
                check_owner(listing, user_id)
            await self._rows.remove(session, listing_id)
            return listing

        self._changed(await self._connections.run_in_transaction(work))
        self._metrics.deleted()

    async def _locked(self, session: Session, listing_id: int) -> Listing:
        listing = await self._rows.lock(session, listing_id)
        if listing is None:
            raise _not_found(listing_id)
        return listing

    def _changed(self, *versions: Listing) -> None:
        """Forget every answer that shows one of these versions of a listing."""
        self._invalidations.changed(*topics_of(*versions))


def topics_of(*versions: Listing) -> set[Topic]:
    """What is stale when a listing that had these versions appears, changes or goes."""
    topics: set[Topic] = {("pages",), _COUNTS}
    for listing in versions:
        topics.add(("listing", listing.id))
        if listing.source_type is not SourceType.C2C:
            topics.add(("product", listing.id))
    # Category answers count active listings, wherever they moved to or from.
    if any(listing.status is Status.ACTIVE for listing in versions):
        topics.add(("categories",))
    return topics


def _not_found(listing_id: int) -> NotFound:
    return NotFound("listing not found", reason="LISTING_NOT_FOUND", metadata={"listing_id": str(listing_id)})
