"""Many products at once: one transaction per call, good items land, bad ones are named by their index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from listings.db.connections import as_ids
from listings.domain.bulk import BulkDeletion, BulkOutcome, ItemError
from listings.domain.errors import Aborted, AlreadyExists, ListingsError
from listings.domain.products import ProductNotFound
from listings.usecases.product_batch import create_batch, topics_of, update_batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from listings.cache.invalidation import Invalidations
    from listings.db.connections import Connections
    from listings.db.products import ProductRows
    from listings.db.session import Session
    from listings.domain.products import NewProduct, ProductChange
    from listings.metrics import CatalogMetrics
    from listings.usecases.product_batch import Written

# How often a batch begins anew because others took SKUs that were free when it looked.
_ATTEMPTS: Final = 5


class ProductBulk:
    """Creating, changing and deleting products in batches.

    Items arrive as values or as the error that kept them from becoming values: every item is answered for.
    """

    def __init__(
        self,
        connections: Connections,
        rows: ProductRows,
        invalidations: Invalidations,
        metrics: CatalogMetrics,
    ) -> None:
        self._connections = connections
        self._rows = rows
        self._invalidations = invalidations
        self._metrics = metrics

    async def create(
        self,
        storefront_id: int,
        items: Sequence[NewProduct | ListingsError],
        *,
        uuids: Sequence[UUID] | None = None,
    ) -> BulkOutcome:
        """Create what can be created; raises StorefrontNotFound.

        `uuids` names each item for a caller that may have to repeat itself (`stored`).
        """
        named = dict(enumerate(uuids if uuids is not None else [uuid4() for _ in items]))
        broken = {index: item for index, item in enumerate(items) if isinstance(item, ListingsError)}
        new = {index: item for index, item in enumerate(items) if not isinstance(item, ListingsError)}

        async def work(session: Session) -> Written:
            return await create_batch(self._rows, session, storefront_id, new, named)

        created, refused = await self._connections.run_in_transaction(work)
        if created:
            self._invalidations.changed(*topics_of(product.id for product in created.values()))
            self._metrics.created(len(created))
        return BulkOutcome(tuple(created.values()), _errors({**broken, **refused}, {}))

    async def stored(self, uuids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of the uuids that an earlier, interrupted `create` stored."""
        return await self._rows.stored_uuids(uuids)

    async def update(
        self, storefront_id: int, items: Sequence[tuple[int, ProductChange | ListingsError]]
    ) -> BulkOutcome:
        """Apply (product id, change) in order to products of a storefront."""
        broken = {index: item for index, (_, item) in enumerate(items) if isinstance(item, ListingsError)}
        changes = [
            (index, product_id, item)
            for index, (product_id, item) in enumerate(items)
            if not isinstance(item, ListingsError)
        ]

        async def work(session: Session) -> Written:
            return await update_batch(self._rows, session, storefront_id, changes)

        changed, refused = await self._until_skus_hold_still(work) if changes else ({}, {})
        if changed:
            self._invalidations.changed(*topics_of({product.id for product in changed.values()}))
            self._metrics.updated(len(changed))
        ids = {index: product_id for index, (product_id, _) in enumerate(items)}
        return BulkOutcome(tuple(changed.values()), _errors({**broken, **refused}, ids))

    async def delete(self, storefront_id: int, product_ids: Sequence[int], *, hard: bool) -> BulkDeletion:
        """Delete products of a storefront; ids named twice count once, what is deleted already as deleted."""
        positions: dict[int, int] = {}
        for index, product_id in enumerate(product_ids):
            positions.setdefault(product_id, index)

        async def work(session: Session) -> tuple[set[int], int]:
            found = await self._rows.lock_for_deletion(session, storefront_id, as_ids(list(positions)))
            doomed = [product_id for product_id, (is_deleted, _) in found.items() if hard or not is_deleted]
            if hard:
                await self._rows.remove(session, doomed)
            else:
                await self._rows.mark_deleted(session, doomed)
            return set(found), sum(found[product_id][1] for product_id in doomed)

        found, variants = await self._connections.run_in_transaction(work)
        if found:
            self._invalidations.changed(*topics_of(found))
            self._metrics.deleted(len(found))
        missing = {
            index: ProductNotFound() for product_id, index in positions.items() if product_id not in found
        }
        ids = {index: product_id for product_id, index in positions.items()}
        return BulkDeletion(len(found), variants, _errors(missing, ids))

    async def _until_skus_hold_still(self, work: _Work) -> Written:
        for _ in range(_ATTEMPTS):
            try:
                return await self._connections.run_in_transaction(work)
            except AlreadyExists:
                continue
        raise Aborted("others keep taking the SKUs of this batch; retry", reason="SKUS_CONTENDED")


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    _Work = Callable[[Session], Awaitable[Written]]


def _errors(refused: Mapping[int, ListingsError], ids: Mapping[int, int]) -> tuple[ItemError, ...]:
    return tuple(
        ItemError(index, _code(error), _text(error), ids.get(index))
        for index, error in sorted(refused.items())
    )


def _code(error: ListingsError) -> str:
    """The token of an error that is one; any other broke a rule of the item's own."""
    if error.message.startswith("products."):
        return error.message
    attributes = error.fields and error.fields[0].field.startswith("attributes")
    return "products.invalid_attributes" if attributes else "products.validation_failed"


def _text(error: ListingsError) -> str:
    """What to tell a person: the rule where the message is but a token."""
    if error.message.startswith("products.") and error.fields:
        return "; ".join(f"{broken.field}: {broken.description}" for broken in error.fields)
    return error.message
