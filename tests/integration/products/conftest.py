"""A storefront to sell from, and short ways to say what a test is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from providers.catalog import add_category, add_storefront, rows

from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence


class Shop:
    """One storefront of user 70 and one category, over a running service."""

    def __init__(self, service: Any, storefront: int, category: int) -> None:
        self.service = service
        self.stub = service.stub
        self.storefront = storefront
        self.category = category

    def new(self, **fields: Any) -> pb.CreateProductRequest:
        """A request that differs from a valid one in the named fields."""
        valid = {
            "storefront_id": self.storefront,
            "name": "Oak chair",
            "price": 49.9,
            "currency": "EUR",
            "category_id": self.category,
            "stock_quantity": 10,
        }
        return pb.CreateProductRequest(**{**valid, **fields})

    async def create(self, **fields: Any) -> pb.Product:
        return (await self.stub.CreateProduct(self.new(**fields))).product

    def item(self, **fields: Any) -> pb.ProductInput:
        """A bulk item that differs from a valid one in the named fields."""
        valid = {"name": "Oak chair", "price": 49.9, "currency": "EUR", "category_id": self.category}
        return pb.ProductInput(**{**valid, **fields})

    async def bulk_create(self, items: Sequence[pb.ProductInput]) -> pb.BulkCreateProductsResponse:
        request = pb.BulkCreateProductsRequest(storefront_id=self.storefront, products=items)
        return await self.stub.BulkCreateProducts(request)

    async def get(self, product_id: int, **fields: Any) -> pb.Product:
        request = pb.GetProductRequest(product_id=product_id, **fields)
        return (await self.stub.GetProduct(request)).product

    async def update(self, product_id: int, mask: Sequence[str] = (), **fields: Any) -> pb.Product:
        request = pb.UpdateProductRequest(
            **{"storefront_id": self.storefront, "product_id": product_id, **fields}
        )
        request.update_mask.paths.extend(mask)
        return (await self.stub.UpdateProduct(request)).product

    async def delete(self, product_id: int, **fields: Any) -> pb.DeleteProductResponse:
        request = pb.DeleteProductRequest(
            **{"storefront_id": self.storefront, "product_id": product_id, **fields}
        )
        return await self.stub.DeleteProduct(request)

    async def add_variant(self, product_id: int, **fields: Any) -> pb.ProductVariant:
        request = pb.CreateProductVariantRequest(product_id=product_id, **fields)
        return (await self.stub.CreateProductVariant(request)).variant

    async def listed(self, **fields: Any) -> pb.ProductsResponse:
        valid = {"storefront_id": self.storefront, "page": 1, "page_size": 100}
        return await self.stub.ListProducts(pb.ListProductsRequest(**{**valid, **fields}))

    async def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        return await rows(self.service.connections, sql, *args)

    async def counted(self, table: str) -> int:
        return (await self.rows(f"SELECT count(*) FROM {table}"))[0]["count"]

    async def movements(self, product_id: int) -> list[tuple[Any, ...]]:
        """The ledger of a product and its variants: (variant, type, quantity, before, after, reason)."""
        found = await self.rows(
            "SELECT variant_id, movement_type, quantity, stock_before, stock_after, reason"
            " FROM inventory_movements WHERE listing_id = $1 ORDER BY id",
            product_id,
        )
        return [tuple(row.values()) for row in found]

    async def queued(self, product_id: int) -> list[str]:
        """What the search index is asked to do with a product."""
        found = await self.rows("SELECT operation FROM indexing_queue WHERE listing_id = $1", product_id)
        return [row["operation"] for row in found]

    async def drain_queue(self) -> None:
        await self.rows("DELETE FROM indexing_queue")


@pytest.fixture
async def shop(service: Any) -> Shop:
    return await open_shop(service)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_shop(shared_service: Any) -> Shop:
    """The same over the service that the module's tests share."""
    return await open_shop(shared_service)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_product(shared_shop: Shop) -> pb.Product:
    """A product that may have variants and has none, for requests about it that are refused."""
    return await shared_shop.create(has_variants=True)


async def open_shop(service: Any) -> Shop:
    storefront = await add_storefront(service.connections, user_id=70)
    return Shop(service, storefront, await add_category(service.connections))
