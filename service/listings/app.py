"""The composition root: the whole object graph, opened top-down and closed in reverse.

`open_app(settings)` is what `listings serve`, `make run` and the tests all call; nothing happens at import. What
callers can want is put together in `wiring.py`, what the service does by itself in `rounds.py`.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from listings.background import background
from listings.cache.encoded import EncodedCache
from listings.cache.invalidation import Invalidations
from listings.cache.postgres_bus import PostgresBus
from listings.cache.redis_bus import RedisBus
from listings.db.connections import Connections
from listings.db.observation import ObservationRows
from listings.db.probe import DatabaseProbe
from listings.health import Health, RecentErrors
from listings.limiting import open_limiter
from listings.metrics import Metrics
from listings.migrate.files import load as load_migrations
from listings.rounds import looks, maintenance
from listings.runtime import watched
from listings.search.postgres import PostgresSearch
from listings.tracing import open_tracer
from listings.transport.grpc.admin import AdminGrpcServer
from listings.transport.grpc.server import GrpcServer
from listings.transport.guard import Guard
from listings.transport.identity import TokenVerifier
from listings.transport.load import Load
from listings.transport.policy import POLICIES, LimitBy
from listings.transport.rest.application import admin_application, rest_application
from listings.transport.rest.route import Edge
from listings.transport.rest.server import HttpServer
from listings.transport.rest.service import RestService
from listings.transport.tls import Tls
from listings.usecases.expiry import every
from listings.usecases.observation import LowStock
from listings.wiring import wire_methods, wire_use_cases
from listings.workers.supervisor import Workers, shared_out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from listings.rounds import Round
    from listings.settings import Settings
    from listings.wiring import UseCases

log = structlog.get_logger(__name__)


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

        low_stock = LowStock(ObservationRows(connections), metrics.inventory)
        use_cases = wire_use_cases(settings, connections, cache, invalidations, index, metrics, low_stock)
        rounds: list[Round] = [
            (settings.maintenance.queue_look_interval_seconds, low_stock.look, "low stock look")
        ]
        if not as_worker:  # once is enough: the supervisor does these
            rounds += looks(settings.maintenance, connections, metrics)
            rounds += maintenance(settings.maintenance, connections, invalidations, metrics)
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
        methods = wire_methods(use_cases, cache)
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
