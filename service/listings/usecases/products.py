"""What people do with one product at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from listings.db.coalesce import CoalescedReads
from listings.domain.paging import newest_key, newest_position, page, write_token
from listings.domain.products import ProductNotFound, ProductPage
from listings.usecases.product_batch import create_batch, topics_of, update_batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from listings.cache.invalidation import Invalidations
    from listings.db.connections import Connections
    from listings.db.products import ProductRows
    from listings.db.session import Session
    from listings.domain.products import NewProduct, Product, ProductChange
    from listings.metrics import CatalogMetrics


class Products:
    """Reading, creating, changing and deleting products of storefronts."""

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
        self._whole: CoalescedReads[int, Product] = CoalescedReads(rows.with_variants)

    async def get(self, product_id: int, *, storefront_id: int | None = None) -> Product:
        """One undeleted product with its variants; concurrent reads share a query.

        Raises ProductNotFound, also for another storefront's.
        """
        product = await self._whole.get(product_id)
        if product is None or storefront_id not in {None, product.storefront_id}:
            raise ProductNotFound(metadata={"product_id": str(product_id)})
        return product

    async def by_ids(self, product_ids: Sequence[int]) -> Mapping[int, Product]:
        """Undeleted products, inactive ones too, without their variants; unknown ids are missing."""
        return await self._rows.by_ids(product_ids)

    async def by_skus(self, skus: Sequence[str], *, storefront_id: int | None = None) -> list[Product]:
        """Active products with these SKUs, ids ascending."""
        return await self._rows.by_skus(skus, storefront_id)

    async def list(
        self, storefront_id: int, *, active_only: bool, limit: int, offset: int = 0, token: str = ""
    ) -> ProductPage:
        """One page of a storefront's products, newest first; raises InvalidArgument for a foreign token."""
        query = ("products", storefront_id, active_only)
        asked = page(limit, offset, token, query=query)
        found, total = await self._rows.page(
            storefront_id,
            active_only=active_only,
            limit=asked.limit + 1,
            offset=0 if asked.after else asked.offset,
            after=newest_position(asked.after) if asked.after else None,
        )
        shown, more = found[: asked.limit], len(found) > asked.limit
        key = newest_key(shown[-1].created_at, shown[-1].id) if more else None
        return ProductPage(tuple(shown), total, write_token(key, query=query) if key else "")

    async def create(self, storefront_id: int, new: NewProduct) -> Product:
        """Offer a product, with its opening stock in the ledger.

        Raises StorefrontNotFound, NotFound for an unknown or inactive category, AlreadyExists for a SKU that
        the storefront has already.
        """
        uuid = uuid4()

        async def work(session: Session) -> Product:
            created, refused = await create_batch(self._rows, session, storefront_id, {0: new}, {0: uuid})
            if refused:
                raise refused[0]
            return created[0]

        product = await self._connections.run_in_transaction(work)
        self._invalidations.changed(*topics_of([product.id]))
        self._metrics.created()
        return product

    async def update(self, storefront_id: int, product_id: int, change: ProductChange) -> Product:
        """Change a product of a storefront; raises as `create` does, and ProductNotFound."""

        async def work(session: Session) -> Product:
            changed, refused = await update_batch(
                self._rows, session, storefront_id, [(0, product_id, change)]
            )
            if refused:
                raise refused[0]
            return changed[0]

        product = await self._connections.run_in_transaction(work)
        self._invalidations.changed(*topics_of([product_id]))
        self._metrics.updated()
        return product

    async def delete(self, storefront_id: int, product_id: int, *, hard: bool) -> int:
        """Delete a product of a storefront; how many variants went with it.

        Soft: its row stays, marked. Hard: it is gone for good, also when it was marked before. Raises
        ProductNotFound, for another storefront's and for what is deleted already.
        """

        async def work(session: Session) -> int:
            locked = await self._rows.lock_for_deletion(session, storefront_id, [product_id])
            is_deleted, variants = locked.get(product_id, (True, 0))
            if product_id not in locked or (is_deleted and not hard):
                raise ProductNotFound(metadata={"product_id": str(product_id)})
            if hard:
                await self._rows.remove(session, [product_id])
            else:
                await self._rows.mark_deleted(session, [product_id])
            return variants

        variants = await self._connections.run_in_transaction(work)
        self._invalidations.changed(*topics_of([product_id]))
        self._metrics.deleted()
        return variants
