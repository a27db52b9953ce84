"""What people do with the variants of a product, through the newer message family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.db.coalesce import CoalescedReads
from listings.domain.errors import FieldViolation
from listings.domain.listing_variants import VariantNotFound, VariantSkuTaken
from listings.domain.variants import (
    LastActiveVariant,
    ProductOfVariantNotFound,
    ProductWithoutVariants,
    check_together,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.cache.invalidation import Invalidations
    from listings.db.connections import Connections
    from listings.db.session import Session
    from listings.db.variants import VariantRows
    from listings.domain.variants import NewVariant, Variant, VariantChange


class Variants:
    """Reading, creating, changing and removing variants; every change of stock is in the ledger."""

    def __init__(self, connections: Connections, rows: VariantRows, invalidations: Invalidations) -> None:
        self._connections = connections
        self._rows = rows
        self._invalidations = invalidations
        self._by_id: CoalescedReads[int, Variant] = CoalescedReads(rows.by_ids)
        self._of_product: CoalescedReads[int, list[Variant]] = CoalescedReads(rows.of_products)

    async def get(self, variant_id: int, *, product_id: int | None = None) -> Variant:
        """One variant of an undeleted product; raises VariantNotFound, also for another product's."""
        variant = await self._by_id.get(variant_id)
        if variant is None or product_id not in {None, variant.product_id}:
            raise VariantNotFound(metadata={"variant_id": str(variant_id)})
        return variant

    async def of_product(self, product_id: int, *, active_only: bool = False) -> list[Variant]:
        """A product's variants, the default first, then ids ascending; none of an unknown product."""
        variants = await self._of_product.get(product_id) or []
        return [variant for variant in variants if variant.is_active or not active_only]

    async def create(self, product_id: int, new: NewVariant) -> Variant:
        """Create a variant, active.

        Raises ProductOfVariantNotFound unless the product is active, ProductWithoutVariants, VariantSkuTaken.
        """
        [created] = await self._create(product_id, [new])
        return created

    async def create_many(self, product_id: int, new: Sequence[NewVariant]) -> list[Variant]:
        """Create all of them or none, active.

        Raises as `create` does, with each variant whose SKU is taken named by its index, and
        InvalidArgument for more than one default.
        """
        check_together(new)
        try:
            return await self._create(product_id, new)
        except VariantSkuTaken as error:
            taken = await self._rows.taken_skus([variant.sku for variant in new if variant.sku])
            raise VariantSkuTaken(
                fields=[
                    FieldViolation(f"variants[{index}].sku", "another variant has this sku: choose another")
                    for index, variant in enumerate(new)
                    if variant.sku in taken
                ]
            ) from error

    async def _create(self, product_id: int, new: Sequence[NewVariant]) -> list[Variant]:
        async def work(session: Session) -> list[Variant]:
            product = await self._rows.lock_product(session, product_id)
            if product is None or not product.is_active:
                raise ProductOfVariantNotFound(metadata={"product_id": str(product_id)})
            if not product.has_variants:
                raise ProductWithoutVariants(metadata={"product_id": str(product_id)})
            return await self._rows.insert(session, product_id, new)

        created = await self._connections.run_in_transaction(work)
        self._changed(product_id)
        return created

    async def update(self, product_id: int, variant_id: int, change: VariantChange) -> Variant:
        """Change a variant of a product; a change of nothing gives the variant as it is.

        Raises VariantNotFound, VariantSkuTaken, LastActiveVariant when none would be left active.
        """
        if change.is_empty:
            return await self.get(variant_id, product_id=product_id)

        async def work(session: Session) -> Variant:
            before = None
            if await self._rows.lock_product(session, product_id) is not None:
                before = await self._rows.lock(session, variant_id, product_id)
            if before is None:
                raise VariantNotFound(metadata={"variant_id": str(variant_id)})
            after = change.applied_to(before)
            deactivates = before.is_active and not after.is_active
            if deactivates and not await self._rows.has_other_active(session, before):
                raise LastActiveVariant(metadata={"variant_id": str(variant_id)})
            return await self._rows.update(session, before, after)

        changed = await self._connections.run_in_transaction(work)
        self._changed(product_id)
        return changed

    async def remove(self, product_id: int, variant_id: int) -> None:
        """Remove a variant of a product for good; raises VariantNotFound."""

        async def work(session: Session) -> None:
            product = await self._rows.lock_product(session, product_id)
            if product is None or not await self._rows.remove(session, variant_id, product_id):
                raise VariantNotFound(metadata={"variant_id": str(variant_id)})

        await self._connections.run_in_transaction(work)
        self._changed(product_id)

    def _changed(self, product_id: int) -> None:
        self._invalidations.changed(("listing", product_id), ("product", product_id), ("pages",))
