"""The service's own role needs rights on tables and sequences, and no more: no ownership, no superuser."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
from providers.catalog import add_category, add_storefront

from listings.db.statements import Statement
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def plain_role(dsn: str) -> AsyncIterator[str]:
    """Give the database's address as a role with nothing but those rights."""
    name = f"plain_{secrets.token_hex(4)}"
    owner = await asyncpg.connect(dsn)
    await owner.execute(
        f"""
        CREATE ROLE {name} LOGIN;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name};
        """
    )
    try:
        yield dsn.replace("listings@", f"{name}@", 1)
    finally:
        await owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
        await owner.close()


async def test_every_kind_of_work_needs_no_more_than_table_rights(start_service, dsn: str):
    async with plain_role(dsn) as address, start_service(database={"url": address}) as service:
        whoever = await service.connections.fetchval(Statement("test.who", "SELECT current_user"))
        assert whoever.startswith("plain_")
        stub = service.stub
        category = await add_category(service.connections)
        storefront = await add_storefront(service.connections)

        listing = (
            await stub.CreateListing(
                pb.CreateListingRequest(
                    user_id=7,
                    title="City bicycle",
                    price=10,
                    currency="EUR",
                    category_id=category,
                    quantity=1,
                )
            )
        ).listing.id
        await stub.UpdateListing(pb.UpdateListingRequest(id=listing, user_id=7, status="active"))
        await stub.AddListingImage(pb.AddImageRequest(listing_id=listing, url="https://images.example/1.jpg"))
        await stub.AddToFavorites(pb.AddToFavoritesRequest(user_id=7, listing_id=listing))
        await stub.RemoveFromFavorites(pb.RemoveFromFavoritesRequest(user_id=7, listing_id=listing))
        found = await stub.SearchListings(pb.SearchListingsRequest(query="bicycle", limit=5))
        assert [each.id for each in found.listings] == [listing]

        product = (
            await stub.CreateProduct(
                pb.CreateProductRequest(
                    storefront_id=storefront,
                    name="Oak chair",
                    price=10,
                    currency="EUR",
                    category_id=category,
                    stock_quantity=5,
                    has_variants=True,
                )
            )
        ).product.id
        await stub.CreateProductVariant(pb.CreateProductVariantRequest(product_id=product, stock_quantity=2))
        items = [pb.StockItem(product_id=product, quantity=2)]
        assert (await stub.DecrementStock(pb.DecrementStockRequest(items=items, order_id="1"))).success
        assert (await stub.RollbackStock(pb.RollbackStockRequest(items=items, order_id="1"))).success
        await stub.RecordInventoryMovement(
            pb.RecordInventoryMovementRequest(
                storefront_id=storefront, product_id=product, movement_type="in", quantity=1, user_id=7
            )
        )
        await stub.IncrementProductViews(pb.IncrementProductViewsRequest(product_id=product))
        await stub.ResetReindexFlags(pb.ResetFlagsRequest(listing_ids=[listing, product]))
        await stub.DeleteProduct(
            pb.DeleteProductRequest(product_id=product, storefront_id=storefront, hard_delete=True)
        )
        await stub.DeleteListing(pb.DeleteListingRequest(id=listing, user_id=7))

        await service.first_rounds()  # sweeps, counts, the ledger's proof
        failed = {
            sample.labels["operation"]: sample.labels["error"]
            for family in service.app.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "listings_db_errors_total" and sample.value
        }
        assert failed == {}
