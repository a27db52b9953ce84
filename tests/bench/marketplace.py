"""What a marketplace asks of the service in an ordinary hour: every RPC and the REST operations, in a fixed mixture.

One action is one call. Reads take ids from the demo catalog; what changes or removes things does so to things of the
mixture's own, so that no call fails because of another: any error is the service's.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import grpc
import httpx
from bench.load import Outcome
from bench.workloads import WORDS
from google.protobuf import empty_pb2

from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    from google.protobuf.message import Message

USER = 1_000_000
# Enough stock that the mixture never sells out: an empty shelf would be a refusal.
PLENTY = 1_000_000
DEADLINE_SECONDS = 10


@dataclass
class Pools:
    """Ids: what the demo catalog holds, and what this mixture made and may spoil or remove."""

    listings: list[int] = field(default_factory=list)
    categories: list[int] = field(default_factory=list)
    storefronts: list[tuple[int, str]] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    # A storefront of the catalog in which the mixture sells products of its own.
    shop: int = 0
    products: list[int] = field(default_factory=list)
    skus: list[str] = field(default_factory=list)
    # Those that have variants; of the first the variants are removed one by one.
    varied: list[int] = field(default_factory=list)
    variants: list[tuple[int, int]] = field(default_factory=list)
    own_listings: list[int] = field(default_factory=list)
    listing_variants: list[int] = field(default_factory=list)
    pictured: tuple[int, list[int]] = (0, [])
    orders: list[tuple[str, list[pb.StockItem]]] = field(default_factory=list)
    removable: dict[str, list[Any]] = field(default_factory=dict)

    def take(self, kind: str) -> Any:
        """Something that nobody else uses any more."""
        return self.removable[kind].pop()


class Marketplace:
    """The callers: one gRPC channel, one HTTP client, and the outcome of every operation so far."""

    def __init__(self, grpc_address: str, http_address: str, seed: int = 1) -> None:
        self._grpc_address, self._http_address = grpc_address, http_address
        self.chance = random.Random(seed)
        self.pools = Pools()
        self.outcomes: dict[str, Outcome] = {}
        self._number = count(1)

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(self._grpc_address)
        self.stub = listings_pb2_grpc.ListingsServiceStub(self._channel)
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=32)
        self.http = httpx.AsyncClient(
            base_url=self._http_address, limits=limits, timeout=DEADLINE_SECONDS, trust_env=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self._channel.close()

    def pick(self, found: list[Any]) -> Any:
        return self.chance.choice(found)

    def name(self) -> str:
        return f"Mixture {self.pick(WORDS)} {next(self._number)}"

    def sku(self) -> str:
        return f"mix-{self.chance.getrandbits(60):x}"

    async def furnish(self, database: asyncpg.Connection[Any]) -> None:
        """Read the catalog's ids, and make what the mixture changes and removes."""
        pools = self.pools
        pools.listings = await _ids(
            database, "SELECT id FROM listings WHERE NOT is_deleted AND status = 'active'"
        )
        pools.categories = await _ids(database, "SELECT id FROM categories WHERE is_active")
        pools.images = await _ids(database, "SELECT id FROM listing_images")
        pools.storefronts = [
            (row["id"], row["slug"])
            for row in await database.fetch("SELECT id, slug FROM storefronts WHERE is_active")
        ]
        pools.shop = pools.storefronts[0][0]
        pools.products = await self._make_products(40)
        pools.varied = [await self._make_varied() for _ in range(12)]
        for product in pools.varied[2:]:
            pools.variants += [(product, each) for each in await self._make_variants(product, 4)]
        made = [await self._make_listing() for _ in range(30)]
        pools.own_listings = made[:20]
        pools.pictured = (made[0], [await self._make_image(made[0]) for _ in range(3)])
        pools.listing_variants = await self._make_listing_variants(made[20], 5)
        pools.removable = {
            "listing": [await self._make_listing() for _ in range(60)],
            "product": await self._make_products(300),
            "image": [await self._make_image(made[21 + place % 9]) for place in range(60)],
            "variant": [(pools.varied[0], each) for each in await self._make_variants(pools.varied[0], 100)],
            "listing variant": await self._make_listing_variants(made[22], 100),
        }

    async def _make_listing(self) -> int:
        return (await self.stub.CreateListing(self.new_listing())).listing.id

    def new_listing(self) -> pb.CreateListingRequest:
        return pb.CreateListingRequest(
            user_id=USER,
            title=self.name(),
            description="As good as new.",
            price=100,
            currency="RSD",
            category_id=self.pick(self.pools.categories),
            quantity=1,
        )

    def new_product(self, *, has_variants: bool = False) -> dict[str, Any]:
        return {
            "name": self.name(),
            "description": "Sold by the mixture.",
            "price": 99.5,
            "currency": "RSD",
            "category_id": self.pick(self.pools.categories),
            "sku": self.sku(),
            "stock_quantity": 0 if has_variants else PLENTY,
            "is_active": True,
            "has_variants": has_variants,
        }

    async def _make_varied(self) -> int:
        made = self.new_product(has_variants=True)
        request = pb.CreateProductRequest(storefront_id=self.pools.shop, **made)
        return (await self.stub.CreateProduct(request)).product.id

    async def _make_products(self, number: int) -> list[int]:
        products = [pb.ProductInput(**self.new_product()) for _ in range(number)]
        request = pb.BulkCreateProductsRequest(storefront_id=self.pools.shop, products=products)
        answer = await self.stub.BulkCreateProducts(request)
        assert answer.failed_count == 0, answer.errors
        self.pools.skus += [each.sku for each in answer.products]
        return [each.id for each in answer.products]

    def new_variant(self) -> pb.ProductVariantInput:
        made = pb.ProductVariantInput(sku=self.sku(), price=10, stock_quantity=PLENTY, is_active=True)
        made.variant_attributes.update({"size": str(next(self._number))})
        return made

    async def _make_variants(self, product: int, number: int) -> list[int]:
        request = pb.BulkCreateProductVariantsRequest(
            product_id=product, variants=[self.new_variant() for _ in range(number)]
        )
        answer = await self.stub.BulkCreateProductVariants(request)
        return [each.id for each in answer.variants]

    async def _make_listing_variants(self, listing: int, number: int) -> list[int]:
        variants = [pb.VariantInput(sku=self.sku(), stock=5, is_active=True) for _ in range(number)]
        await self.stub.CreateVariants(pb.CreateVariantsRequest(listing_id=listing, variants=variants))
        found = await self.stub.GetVariants(pb.ListingIDRequest(listing_id=listing))
        return [each.id for each in found.variants]

    async def _make_image(self, listing: int) -> int:
        url = f"https://images.example.com/{self.sku()}.jpg"
        return (await self.stub.AddListingImage(pb.AddImageRequest(listing_id=listing, url=url))).image.id

    async def call(self, method: str, request: Message) -> Any:
        return await getattr(self.stub, method)(request, timeout=DEADLINE_SECONDS)

    async def constant_rate(self, *, per_second: float, seconds: float, mixture: list[Action]) -> None:
        """Actions due at fixed instants, answered or not; those under way end when this is cancelled."""
        weights = [each.weight for each in mixture]
        started = time.perf_counter()
        running: set[asyncio.Task[None]] = set()
        try:
            for number in range(int(per_second * seconds)):
                due = started + number / per_second
                if (wait := due - time.perf_counter()) > 0.001:
                    await asyncio.sleep(wait)
                [action] = self.chance.choices(mixture, weights)
                running.add(task := asyncio.create_task(self._timed(action, due)))
                task.add_done_callback(running.discard)
            await asyncio.gather(*running)
        finally:
            for task in running:  # none, unless something ended it
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        for outcome in self.outcomes.values():
            outcome.seconds = time.perf_counter() - started

    async def _timed(self, action: Action, due: float) -> None:
        outcome = self.outcomes.setdefault(action.name, Outcome())
        try:
            await action.act(self)
        except (grpc.aio.AioRpcError, httpx.HTTPError) as error:
            told = (
                f"{error.code().name} {error.details()}"
                if isinstance(error, grpc.aio.AioRpcError)
                else str(error) or type(error).__name__
            )
            outcome.failures[told] = outcome.failures.get(told, 0) + 1
        outcome.latencies.append(time.perf_counter() - due)


async def _ids(database: asyncpg.Connection[Any], query: str) -> list[int]:
    return [row["id"] for row in await database.fetch(f"{query} ORDER BY id")]


@dataclass(frozen=True)
class Action:
    """One operation of the mixture, and how often it comes beside the others."""

    name: str
    weight: float
    act: Callable[[Marketplace], Awaitable[Any]]


def rpc(method: str, weight: float, request: Callable[[Marketplace], Message]) -> Action:
    """A gRPC call whose answer nobody needs."""
    return Action(method, weight, lambda market: market.call(method, request(market)))


def rest(method: str, path: str, weight: float, **given: Callable[[Marketplace], Any]) -> Action:
    """A REST call; `given` fills the path, and `params` and `json`. Answers of 400 and above are failures."""

    async def act(market: Marketplace) -> None:
        values = {name: value(market) for name, value in given.items()}
        more = {name: values.pop(name) for name in ("params", "json") if name in values}
        (await market.http.request(method, path.format(**values), **more)).raise_for_status()

    return Action(f"{method} {path}", weight, act)


async def _sell(market: Marketplace) -> None:
    """An order of one to three lines; some are given back later."""
    chosen = market.chance.sample(market.pools.products, market.chance.randrange(1, 4))
    items = [pb.StockItem(product_id=each, quantity=1) for each in chosen]
    order = f"mix-{market.sku()}"
    answer = await market.call("DecrementStock", pb.DecrementStockRequest(items=items, order_id=order))
    assert answer.success, answer.error
    market.pools.orders.append((order, items))


async def _give_back(market: Marketplace) -> None:
    if not market.pools.orders:
        return await _sell(market)
    order, items = market.pools.orders.pop()
    await market.call("RollbackStock", pb.RollbackStockRequest(items=items, order_id=order))
    return None


def _rest_listing(market: Marketplace) -> dict[str, Any]:
    made = market.new_listing()
    return {
        "user_id": USER,
        "title": made.title,
        "price": 100,
        "currency": "RSD",
        "category_id": made.category_id,
        "quantity": 1,
        "source_type": "c2c",
    }


def _reordered(market: Marketplace) -> pb.ReorderImagesRequest:
    listing, images = market.pools.pictured
    places = market.chance.sample(range(len(images)), len(images))
    orders = [
        pb.ImageOrder(image_id=each, display_order=place) for each, place in zip(images, places, strict=True)
    ]
    return pb.ReorderImagesRequest(listing_id=listing, image_orders=orders)


def _new_product_variant(market: Marketplace) -> pb.CreateProductVariantRequest:
    request = pb.CreateProductVariantRequest(
        product_id=market.pools.varied[1], sku=market.sku(), price=5, is_active=True
    )
    request.variant_attributes.update({"size": market.sku()})
    return request


def _update_variant(market: Marketplace) -> pb.UpdateProductVariantRequest:
    product, variant = market.pick(market.pools.variants)
    return pb.UpdateProductVariantRequest(
        product_id=product, variant_id=variant, price=market.chance.randrange(5, 50)
    )


def _delete_variant(market: Marketplace) -> pb.DeleteProductVariantRequest:
    product, variant = market.pools.take("variant")
    return pb.DeleteProductVariantRequest(product_id=product, variant_id=variant)


def _empty(_: Marketplace) -> empty_pb2.Empty:
    return empty_pb2.Empty()


READS = [
    rpc("GetListing", 20, lambda m: pb.GetListingRequest(id=m.pick(m.pools.listings))),
    rpc(
        "ListListings", 6, lambda m: pb.ListListingsRequest(category_id=m.pick(m.pools.categories), limit=20)
    ),
    rpc("SearchListings", 5, lambda m: pb.SearchListingsRequest(query=m.pick(WORDS), limit=20)),
    rpc("GetListingImages", 2, lambda m: pb.ListingIDRequest(listing_id=m.pick(m.pools.listings))),
    rpc("GetListingImage", 1, lambda m: pb.ImageIDRequest(image_id=m.pick(m.pools.images))),
    rpc("GetRootCategories", 1, _empty),
    rpc("GetAllCategories", 2, _empty),
    rpc("GetPopularCategories", 1, lambda _: pb.PopularCategoriesRequest(limit=10)),
    rpc("GetCategory", 1, lambda m: pb.CategoryIDRequest(category_id=m.pick(m.pools.categories))),
    rpc("GetCategoryTree", 2, lambda m: pb.CategoryIDRequest(category_id=m.pick(m.pools.categories))),
    rpc("GetFavoritedUsers", 1, lambda m: pb.ListingIDRequest(listing_id=m.pick(m.pools.listings))),
    rpc("IsFavorite", 2, lambda m: pb.IsFavoriteRequest(user_id=7, listing_id=m.pick(m.pools.listings))),
    rpc("GetUserFavorites", 1, lambda _: pb.GetUserFavoritesRequest(user_id=7, limit=20)),
    rpc("GetStorefront", 1, lambda m: pb.GetStorefrontRequest(id=m.pick(m.pools.storefronts)[0])),
    rpc(
        "GetStorefrontBySlug",
        1,
        lambda m: pb.GetStorefrontBySlugRequest(slug=m.pick(m.pools.storefronts)[1]),
    ),
    rpc("ListStorefronts", 1, lambda _: pb.ListStorefrontsRequest(limit=10)),
    rpc("GetVariants", 1, lambda m: pb.ListingIDRequest(listing_id=m.pick(m.pools.own_listings))),
    rpc("GetListingsForReindex", 0.5, lambda _: pb.ReindexRequest(batch_size=20)),
    rpc("GetProduct", 3, lambda m: pb.GetProductRequest(product_id=m.pick(m.pools.products))),
    rpc(
        "GetProductsBySKUs",
        1,
        lambda m: pb.GetProductsBySKUsRequest(skus=m.chance.sample(m.pools.skus, 3)),
    ),
    rpc(
        "GetProductsByIDs",
        1,
        lambda m: pb.GetProductsByIDsRequest(product_ids=m.chance.sample(m.pools.products, 5)),
    ),
    rpc(
        "ListProducts", 1, lambda m: pb.ListProductsRequest(storefront_id=m.pools.shop, page=1, page_size=20)
    ),
    rpc("GetVariant", 1, lambda m: pb.GetVariantRequest(variant_id=m.pick(m.pools.variants)[1])),
    rpc(
        "GetVariantsByProductID",
        1,
        lambda m: pb.GetVariantsByProductIDRequest(product_id=m.pick(m.pools.varied[2:])),
    ),
    rpc(
        "CheckStockAvailability",
        4,
        lambda m: pb.CheckStockAvailabilityRequest(
            items=[pb.StockItem(product_id=each, quantity=1) for each in m.chance.sample(m.pools.products, 3)]
        ),
    ),
    rpc(
        "GetInventoryHistory",
        0.5,
        lambda m: pb.GetInventoryHistoryRequest(product_id=m.pick(m.pools.products), page_size=20),
    ),
    rpc("GetProductStats", 0.5, lambda m: pb.GetProductStatsRequest(storefront_id=m.pools.shop)),
]

WRITES = [
    rpc("CreateListing", 1, Marketplace.new_listing),
    rpc(
        "UpdateListing",
        1,
        lambda m: pb.UpdateListingRequest(id=m.pick(m.pools.own_listings), user_id=USER, title=m.name()),
    ),
    rpc("DeleteListing", 0.1, lambda m: pb.DeleteListingRequest(id=m.pools.take("listing"), user_id=USER)),
    rpc(
        "AddListingImage",
        0.3,
        lambda m: pb.AddImageRequest(
            listing_id=m.pick(m.pools.own_listings[1:]), url=f"https://images.example.com/{m.sku()}.jpg"
        ),
    ),
    rpc("ReorderListingImages", 0.3, _reordered),
    rpc("DeleteListingImage", 0.1, lambda m: pb.ImageIDRequest(image_id=m.pools.take("image"))),
    rpc(
        "AddToFavorites",
        1,
        lambda m: pb.AddToFavoritesRequest(user_id=USER, listing_id=m.pick(m.pools.listings)),
    ),
    rpc(
        "RemoveFromFavorites",
        0.5,
        lambda m: pb.RemoveFromFavoritesRequest(user_id=USER, listing_id=m.pick(m.pools.listings)),
    ),
    rpc(
        "CreateVariants",
        0.2,
        lambda m: pb.CreateVariantsRequest(
            listing_id=m.pick(m.pools.own_listings[1:]),
            variants=[pb.VariantInput(sku=m.sku(), stock=3, is_active=True)],
        ),
    ),
    rpc(
        "UpdateVariant",
        0.3,
        lambda m: pb.UpdateVariantRequest(
            variant_id=m.pick(m.pools.listing_variants), stock=m.chance.randrange(1, 9)
        ),
    ),
    rpc("DeleteVariant", 0.1, lambda m: pb.VariantIDRequest(variant_id=m.pools.take("listing variant"))),
    rpc("ResetReindexFlags", 0.2, lambda m: pb.ResetFlagsRequest(listing_ids=[m.pick(m.pools.listings)])),
    rpc("SyncDiscounts", 0.2, _empty),
    Action("DecrementStock", 4, _sell),
    Action("RollbackStock", 2, _give_back),
    rpc(
        "CreateProduct",
        0.5,
        lambda m: pb.CreateProductRequest(storefront_id=m.pools.shop, **m.new_product()),
    ),
    rpc(
        "UpdateProduct",
        1,
        lambda m: pb.UpdateProductRequest(
            product_id=m.pick(m.pools.products), storefront_id=m.pools.shop, name=m.name()
        ),
    ),
    rpc(
        "DeleteProduct",
        0.1,
        lambda m: pb.DeleteProductRequest(product_id=m.pools.take("product"), storefront_id=m.pools.shop),
    ),
    rpc(
        "BulkCreateProducts",
        0.2,
        lambda m: pb.BulkCreateProductsRequest(
            storefront_id=m.pools.shop, products=[pb.ProductInput(**m.new_product()) for _ in range(10)]
        ),
    ),
    rpc(
        "BulkUpdateProducts",
        0.2,
        lambda m: pb.BulkUpdateProductsRequest(
            storefront_id=m.pools.shop,
            updates=[
                pb.ProductUpdateInput(product_id=each, price=m.chance.randrange(10, 99))
                for each in m.chance.sample(m.pools.products, 5)
            ],
        ),
    ),
    rpc(
        "BulkDeleteProducts",
        0.1,
        lambda m: pb.BulkDeleteProductsRequest(
            storefront_id=m.pools.shop, product_ids=[m.pools.take("product") for _ in range(3)]
        ),
    ),
    rpc("CreateProductVariant", 0.2, _new_product_variant),
    rpc("UpdateProductVariant", 0.3, _update_variant),
    rpc("DeleteProductVariant", 0.1, _delete_variant),
    rpc(
        "BulkCreateProductVariants",
        0.1,
        lambda m: pb.BulkCreateProductVariantsRequest(
            product_id=m.pools.varied[1], variants=[m.new_variant() for _ in range(3)]
        ),
    ),
    rpc(
        "RecordInventoryMovement",
        1,
        lambda m: pb.RecordInventoryMovementRequest(
            storefront_id=m.pools.shop,
            product_id=m.pick(m.pools.products),
            user_id=USER,
            movement_type=m.pick(["in", "out"]),
            quantity=2,
        ),
    ),
    rpc(
        "BatchUpdateStock",
        0.3,
        lambda m: pb.BatchUpdateStockRequest(
            storefront_id=m.pools.shop,
            user_id=USER,
            items=[
                pb.StockUpdateItem(product_id=each, quantity=PLENTY)
                for each in m.chance.sample(m.pools.products, 5)
            ],
        ),
    ),
    rpc(
        "IncrementProductViews",
        4,
        lambda m: pb.IncrementProductViewsRequest(product_id=m.pick(m.pools.products)),
    ),
]

REST = [
    rest("GET", "/api/v1/listings", 5, params=lambda _: {"limit": 20}),
    rest("GET", "/api/v1/listings/{id}", 7, id=lambda m: m.pick(m.pools.listings)),
    rest("GET", "/api/v1/listings/search", 4, params=lambda m: {"q": m.pick(WORDS), "limit": 20}),
    rest("GET", "/api/v1/categories", 2, params=lambda _: {"lang": "ru"}),
    rest("GET", "/api/v1/storefronts", 1),
    rest("GET", "/api/v1/favorites", 1, params=lambda _: {"user_id": 7}),
    rest("POST", "/api/v1/listings", 0.5, json=_rest_listing),
    rest(
        "PUT",
        "/api/v1/listings/{id}",
        0.5,
        id=lambda m: m.pick(m.pools.own_listings),
        json=lambda m: {"user_id": USER, "title": m.name()},
    ),
    rest(
        "POST",
        "/api/v1/favorites/{id}",
        0.5,
        id=lambda m: m.pick(m.pools.listings),
        json=lambda _: {"user_id": USER},
    ),
]

MIXTURE = [*READS, *WRITES, *REST]
