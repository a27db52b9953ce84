"""The composition root: the whole object graph, opened top-down and closed in reverse.

`open_app(settings)` is what `listings serve`, `make run` and the tests all call; nothing is wired
anywhere else, nothing happens at import.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from listings.background import background
from listings.cache.encoded import EncodedCache
from listings.cache.invalidation import Invalidations
from listings.cache.postgres_bus import PostgresBus
from listings.cache.redis_bus import RedisBus
from listings.db.categories import CategoryRows
from listings.db.connections import Connections
from listings.db.favorites import FavoriteRows
from listings.db.images import ImageRows
from listings.db.indexing import IndexingRows
from listings.db.inventory import InventoryRows
from listings.db.listing_variants import ListingVariantRows
from listings.db.listings import ListingRows
from listings.db.observation import ObservationRows
from listings.db.probe import DatabaseProbe
from listings.db.products import ProductRows
from listings.db.reindex import ReindexRows
from listings.db.stock import StockRows
from listings.db.storefronts import StorefrontRows
from listings.db.variants import VariantRows
from listings.health import Health, RecentErrors
from listings.limiting import open_limiter
from listings.metrics import Metrics
from listings.migrate.files import load as load_migrations
from listings.runtime import watched
from listings.search.postgres import PostgresSearch
from listings.tracing import open_tracer
from listings.transport.grpc.admin import AdminGrpcServer
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
from listings.transport.grpc.server import GrpcServer
from listings.transport.grpc.stock import StockHandlers
from listings.transport.grpc.storefronts import StorefrontHandlers
from listings.transport.grpc.variants import VariantHandlers
from listings.transport.guard import Guard
from listings.transport.identity import TokenVerifier
from listings.transport.load import Load
from listings.transport.policy import POLICIES, LimitBy
from listings.transport.rest.application import admin_application, rest_application
from listings.transport.rest.route import Edge
from listings.transport.rest.server import HttpServer
from listings.transport.rest.service import RestService
from listings.transport.table import method_table
from listings.transport.tls import Tls
from listings.usecases.categories import Categories
from listings.usecases.expiry import ExpirySweeper, QueuePurge, every
from listings.usecases.favorites import Favorites
from listings.usecases.images import Images
from listings.usecases.inventory import Inventory, LedgerWatch
from listings.usecases.listing_variants import ListingVariants
from listings.usecases.listings import Listings
from listings.usecases.observation import CatalogWatch, LowStock, QueueWatch
from listings.usecases.ownership import Ownership
from listings.usecases.product_bulk import ProductBulk
from listings.usecases.products import Products
from listings.usecases.reindex import Reindexing
from listings.usecases.search import Search
from listings.usecases.stock import Stock, StockEngine
from listings.usecases.storefronts import Storefronts
from listings.usecases.variants import Variants
from listings.workers.supervisor import Workers, shared_out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from listings.settings import MaintenanceSettings, Settings

log = structlog.get_logger(__name__)

# The pause between rounds, one round, and its name.
Round = tuple[float, "Callable[[], Awaitable[int]]", str]


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


@dataclass(slots=True)
class App:
    """A running service."""

    settings: Settings
    metrics: Metrics
    connections: Connections
    use_cases: UseCases
    grpc: GrpcServer | Workers
    http: HttpServer | None
    admin_grpc: AdminGrpcServer | None
    admin_http: HttpServer | None
    stopping: asyncio.Event

    @property
    def grpc_port(self) -> int:
        """The port that gRPC really listens on."""
        return self.grpc.port

    @property
    def http_port(self) -> int:
        """The port that REST, health and metrics really listen on; 0 in a worker, which has none."""
        return 0 if self.http is None else self.http.port

    @property
    def ended_badly(self) -> bool:
        """After the end: whether a worker had to be killed, and with it perhaps calls."""
        return isinstance(self.grpc, Workers) and self.grpc.ended_badly


@asynccontextmanager
async def open_app(settings: Settings, *, as_worker: bool = False) -> AsyncIterator[App]:
    """Start everything in order; leaving the block drains and stops it.

    With several workers configured this is their supervisor, which serves all but gRPC, and `as_worker` one of
    them, which serves gRPC alone.
    Raises Unavailable when PostgreSQL cannot be reached, RuntimeError when a port is taken.
    """
    workers_settings: list[Settings] = []
    if settings.server.workers > 1 and not as_worker:
        settings, *workers_settings = shared_out(settings)
    async with AsyncExitStack() as stack:
        metrics = Metrics(
            {policy.path: policy.statuses for policy in POLICIES.values()},
            limited=[
                (policy.path, kind)
                for policy in POLICIES.values()
                if policy.limit is not None
                for kind in dict.fromkeys((LimitBy.IP.value, policy.limit.by.value))
            ],
        )
        metrics.schema.expects((await asyncio.to_thread(load_migrations)).latest)
        await stack.enter_async_context(watched(metrics.runtime))

        tracer = await stack.enter_async_context(open_tracer(settings))
        connections = Connections(settings.database, metrics.database, tracer)
        stack.push_async_callback(connections.close)
        await connections.open()
        probe = DatabaseProbe(settings.database, metrics.database)
        stack.push_async_callback(probe.close)

        cache = EncodedCache(
            metrics.cache,
            enabled=settings.cache.enabled,
            ttl_seconds=settings.cache.ttl_seconds,
            max_bytes=settings.cache.max_bytes,
        )
        address = settings.redis.address()
        postgres = PostgresBus(settings.database, connections)
        redis: RedisBus | None = None
        if address is None:
            invalidations = Invalidations(cache, postgres, metrics.bus)
        else:
            redis = RedisBus(settings.redis, address)
            stack.push_async_callback(redis.close)
            invalidations = Invalidations(cache, redis, metrics.bus, second=postgres)
        if cache.enabled:  # without answers of its own a process only tells the others
            await stack.enter_async_context(background(invalidations.run()))

        index = PostgresSearch(connections)
        await index.open()
        metrics.search.degraded(is_degraded=index.notice != "ok")

        listing_rows = ListingRows(connections)
        product_rows = ProductRows(connections)
        stock_rows = StockRows(connections, refuse_unseen=settings.stock.rollback_unseen == "refuse")
        observed = ObservationRows(connections)
        low_stock = LowStock(observed, metrics.inventory)
        engine = StockEngine(stock_rows, invalidations, metrics.stock, low_stock.sold)
        storefront_rows = StorefrontRows(connections)
        use_cases = UseCases(
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

        rounds: list[Round] = [
            (settings.maintenance.queue_look_interval_seconds, low_stock.look, "low stock look")
        ]
        if not as_worker:  # once is enough: the supervisor does these
            rounds += _looks(settings.maintenance, observed, metrics)
            rounds += _maintenance(settings.maintenance, connections, listing_rows, invalidations, metrics)
        first_round = asyncio.Lock()
        for seconds, work, name in rounds:
            repeated = every(
                seconds,
                work,
                name=name,
                metrics=metrics.maintenance,
                errors=metrics.errors,
                start=first_round,
            )
            await stack.enter_async_context(background(repeated))

        auth = settings.auth
        verifier = TokenVerifier(auth) if auth.enabled or auth.rest_writes else None
        limiter = await stack.enter_async_context(open_limiter(settings, metrics.rate_limit))
        guard = Guard(verifier if auth.enabled else None, limiter)
        rest_guard = Guard(verifier, limiter, private_only=not auth.enabled)
        methods = method_table(
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
        errors = RecentErrors(metrics.errors)
        tls = Tls.of(settings.tls)
        if tls is not None:
            metrics.certificate.watch(tls.expires)
        load = Load(settings.server.max_concurrent_calls, metrics.load)
        workers: Workers | None = None
        if workers_settings:
            workers = Workers(workers_settings, metrics.workers, metrics.registry)
        grpc = workers or GrpcServer(
            settings.server,
            settings.timeouts,
            methods,
            metrics.calls,
            guard,
            load,
            settings.admin,
            credentials=tls.grpc_credentials if tls is not None else lambda: None,
            tracer=tracer,
            unforeseen=errors.of("grpc"),
        )
        stopping = asyncio.Event()
        health = Health(
            connections,
            probe,
            redis,
            stopping,
            errors,
            search=lambda: index.notice,
            metrics=metrics.dependencies,
            workers=None if workers is None else workers.state,
        )
        registry = metrics.registry if workers is None else workers.registry
        service = RestService(
            categories=use_cases.categories,
            favorites=use_cases.favorites,
            images=use_cases.images,
            listings=use_cases.listings,
            ownership=use_cases.ownership,
            search=use_cases.search,
            storefronts=use_cases.storefronts,
            health=health,
            registry=registry if settings.admin.metrics else None,
        )
        edge = Edge(
            rest_guard,
            load,
            settings.timeouts,
            settings.server.max_message_bytes,
            tracer=tracer,
            unforeseen=errors.of("rest"),
        )
        admin_grpc: AdminGrpcServer | None = None
        admin_http: HttpServer | None = None
        http: HttpServer | None = None
        if not as_worker:
            admin_grpc = await _admin_grpc(stack, settings)
            admin_http = await _admin_http(stack, settings, service, edge, metrics)
            shown = service if admin_http is None else replace(service, registry=None)
            http = HttpServer(
                settings.server,
                rest_application(settings, shown, edge, metrics.http),
                host=settings.server.http_host,
                port=settings.server.http_port,
                named="LISTINGS_HTTP_PORT",
                tls=tls.http_context() if tls is not None else None,
            )
        stack.push_async_callback(_drain, grpc, http)
        await grpc.start()
        if http is not None:
            await http.start()

        await grpc.report_health(serving=True)
        watching = health.watch_database(lambda serving: grpc.report_health(serving=serving))
        async with background(watching):
            app = App(settings, metrics, connections, use_cases, grpc, http, admin_grpc, admin_http, stopping)
            log.info("serving", grpc_port=app.grpc_port, http_port=app.http_port)
            yield app

        # Readiness goes first: balancers must stop sending before calls are refused.
        stopping.set()
        await grpc.leave()
        await asyncio.sleep(settings.server.drain_delay_seconds)


async def _admin_grpc(stack: AsyncExitStack, settings: Settings) -> AdminGrpcServer | None:
    """Reflection and channelz on a port of their own; closed after the edges, which it shows."""
    if settings.admin.grpc_port is None:
        return None
    server = AdminGrpcServer(settings.admin, reflects=settings.server.reflection)
    stack.push_async_callback(server.close)
    await server.start()
    return server


async def _admin_http(
    stack: AsyncExitStack, settings: Settings, service: RestService, edge: Edge, metrics: Metrics
) -> HttpServer | None:
    """Metrics and health on a port of their own; there until the edges have drained."""
    admin = settings.admin
    if admin.http_port is None:
        return None
    server = HttpServer(
        settings.server,
        admin_application(settings, service, edge, metrics.http),
        host=admin.host,
        port=admin.http_port,
        named="LISTINGS_ADMIN_HTTP_PORT",
    )
    stack.push_async_callback(server.drain)
    await server.start()
    return server


async def _drain(grpc: GrpcServer | Workers, http: HttpServer | None) -> None:
    """Finish what is in flight on both edges at once: their time limits must not add up."""
    await asyncio.gather(grpc.drain(), *([] if http is None else [http.drain()]))


def _maintenance(
    settings: MaintenanceSettings,
    connections: Connections,
    listing_rows: ListingRows,
    invalidations: Invalidations,
    metrics: Metrics,
) -> Iterator[Round]:
    """What the service does by itself, in every process but workers."""
    sweeper = ExpirySweeper(listing_rows, invalidations, metrics.catalog)
    yield settings.expiry_interval_seconds, sweeper.sweep, "expiry sweep"
    purge = QueuePurge(
        IndexingRows(connections),
        metrics.catalog,
        retention=timedelta(seconds=settings.queue_retention_seconds),
        consumed=False,  # search reads PostgreSQL: nothing takes rows from the queue
    )
    yield settings.queue_purge_interval_seconds, purge.purge, "indexing queue purge"
    watch = LedgerWatch(InventoryRows(connections), metrics.stock)
    yield settings.ledger_check_interval_seconds, watch.check, "ledger check"


def _looks(settings: MaintenanceSettings, rows: ObservationRows, metrics: Metrics) -> Iterator[Round]:
    """What the service looks at for its metrics, in every process but workers."""
    queue = QueueWatch(rows, metrics.queue, metrics.schema)
    yield settings.queue_look_interval_seconds, queue.look, "queue look"
    yield settings.catalog_count_interval_seconds, CatalogWatch(rows, metrics.inventory).look, "catalog count"
