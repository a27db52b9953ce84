"""What callers can want: every use case over its rows, and the methods of gRPC over the use cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from listings.db.categories import CategoryRows
from listings.db.favorites import FavoriteRows
from listings.db.images import ImageRows
from listings.db.inventory import InventoryRows
from listings.db.listing_variants import ListingVariantRows
from listings.db.listings import ListingRows
from listings.db.products import ProductRows
from listings.db.reindex import ReindexRows
from listings.db.stock import StockRows
from listings.db.storefronts import StorefrontRows
from listings.db.variants import VariantRows
from listings.transport.grpc.bulk import ProductBulkHandlers
from listings.transport.grpc.categories import CategoryHandlers
from listings.transport.grpc.favorites import FavoriteHandlers
from listings.transport.grpc.images import ImageHandlers
from listings.transport.grpc.inventory import InventoryHandlers
from listings.transport.grpc.listing_variants import ListingVariantHandlers
from listings.transport.grpc.listings import ListingHandlers
from listings.transport.grpc.products import ProductHandlers
from listings.transport.grpc.reindex import ReindexHandlers
from listings.transport.grpc.search import SearchHandlers
from listings.transport.grpc.stock import StockHandlers
from listings.transport.grpc.storefronts import StorefrontHandlers
from listings.transport.grpc.variants import VariantHandlers
from listings.transport.table import method_table
from listings.usecases.categories import Categories
from listings.usecases.favorites import Favorites
from listings.usecases.images import Images
from listings.usecases.inventory import Inventory
from listings.usecases.listing_variants import ListingVariants
from listings.usecases.listings import Listings
from listings.usecases.ownership import Ownership
from listings.usecases.product_bulk import ProductBulk
from listings.usecases.products import Products
from listings.usecases.reindex import Reindexing
from listings.usecases.search import Search
from listings.usecases.stock import Stock, StockEngine
from listings.usecases.storefronts import Storefronts
from listings.usecases.variants import Variants

if TYPE_CHECKING:
    from listings.cache.encoded import EncodedCache
    from listings.cache.invalidation import Invalidations
    from listings.db.connections import Connections
    from listings.metrics import Metrics
    from listings.search.postgres import PostgresSearch
    from listings.settings import Settings
    from listings.transport.table import Method
    from listings.usecases.observation import LowStock


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything callers can want, shared by both edges."""

    categories: Categories
    favorites: Favorites
    images: Images
    listing_variants: ListingVariants
    inventory: Inventory
    listings: Listings
    ownership: Ownership
    products: Products
    product_bulk: ProductBulk
    variants: Variants
    search: Search
    reindexing: Reindexing
    storefronts: Storefronts
    stock: Stock


def wire_use_cases(
    settings: Settings,
    connections: Connections,
    cache: EncodedCache,
    invalidations: Invalidations,
    index: PostgresSearch,
    metrics: Metrics,
    low_stock: LowStock,
) -> UseCases:
    """Give every use case what it works with."""
    listing_rows = ListingRows(connections)
    product_rows = ProductRows(connections)
    stock_rows = StockRows(connections, refuse_unseen=settings.stock.rollback_unseen == "refuse")
    engine = StockEngine(stock_rows, invalidations, metrics.stock, low_stock.sold)
    storefront_rows = StorefrontRows(connections)
    return UseCases(
        categories=Categories(CategoryRows(connections), cache, metrics.cache),
        favorites=Favorites(FavoriteRows(connections), invalidations),
        images=Images(connections, ImageRows(connections), listing_rows, invalidations),
        listing_variants=ListingVariants(
            connections, ListingVariantRows(connections), listing_rows, invalidations
        ),
        inventory=Inventory(InventoryRows(connections), engine, metrics.stock),
        reindexing=Reindexing(ReindexRows(connections), metrics.queue),
        storefronts=Storefronts(storefront_rows),
        ownership=Ownership(storefront_rows),
        listings=Listings(connections, listing_rows, cache, invalidations, metrics.catalog),
        products=Products(connections, product_rows, invalidations, metrics.catalog),
        product_bulk=ProductBulk(connections, product_rows, invalidations, metrics.catalog),
        variants=Variants(connections, VariantRows(connections), invalidations),
        search=Search(index, cache, metrics.catalog, metrics.search),
        stock=Stock(stock_rows, engine, invalidations, metrics.stock),
    )


def wire_methods(use_cases: UseCases, cache: EncodedCache) -> dict[str, Method]:
    """Return every method of the wire contract by its name."""
    return method_table(
        [
            CategoryHandlers(use_cases.categories).methods(),
            FavoriteHandlers(use_cases.favorites).methods(),
            ImageHandlers(use_cases.images, cache).methods(),
            ListingVariantHandlers(use_cases.listing_variants, cache).methods(),
            InventoryHandlers(use_cases.inventory, use_cases.ownership).methods(),
            ReindexHandlers(use_cases.reindexing).methods(),
            StorefrontHandlers(use_cases.storefronts, cache).methods(),
            ListingHandlers(use_cases.listings, cache, use_cases.ownership).methods(),
            ProductHandlers(use_cases.products, cache, use_cases.ownership).methods(),
            ProductBulkHandlers(use_cases.product_bulk, use_cases.ownership).methods(),
            VariantHandlers(use_cases.variants, cache, use_cases.ownership).methods(),
            SearchHandlers(use_cases.search, cache).methods(),
            StockHandlers(use_cases.stock).methods(),
        ]
    )
