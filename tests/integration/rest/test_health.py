"""What balancers, Kubernetes and Prometheus see."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from providers.free_ports import free_port
from providers.postgres import suspended
from providers.sharing import shares_service

from listings import health as health_module
from listings.app import App, open_app
from listings.migrate import migrate_up
from listings.v1 import listings_pb2 as pb


async def test_health_tells_each_dependency(rest):
    answer = await rest.http.get("/health")
    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() == {"status", "version", "uptime", "timestamp", "checks"}
    assert body["uptime"] == "0h0m"
    assert body["checks"].keys() == {"database", "redis", "search"}
    assert body["checks"]["database"]["status"] == "healthy"
    assert body["checks"]["database"].keys() == {"status", "response_time_ms", "details"}


async def test_health_shows_that_search_does_without_pg_trgm(rest, execute, start_service):
    assert "pg_trgm" in (await rest.http.get("/health")).json()["checks"]["search"]["details"]
    if not await execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"):
        pytest.skip("this PostgreSQL comes without pg_trgm")
    await execute("CREATE EXTENSION pg_trgm")
    async with start_service() as service, _http(service.app) as http:
        search = (await http.get("/health")).json()["checks"]["search"]
    assert (search["status"], search["details"]) == ("healthy", "ok")


@shares_service
async def test_without_redis_the_service_is_degraded_and_ready(shared_rest):
    assert (await shared_rest.http.get("/health")).json()["status"] == "degraded"
    assert (await shared_rest.http.get("/health/redis")).status_code == 200
    assert (await shared_rest.http.get("/health/ready")).status_code == 200


async def test_with_redis_the_service_is_healthy(start_service, redis_url):
    async with start_service(redis={"url": redis_url}) as service, _http(service.app) as http:
        assert (await http.get("/health")).json()["status"] == "healthy"


async def test_redis_going_away_degrades_and_no_more(start_service, redis_process):
    server = redis_process()
    async with start_service(redis={"url": server.start()}) as service, _http(service.app) as http:
        server.crash()
        answer = await http.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert (await http.get("/ready")).status_code == 200


async def test_redis_that_came_back_is_not_called_away_for_a_connection_it_left(
    start_service, redis_process, monkeypatch
):
    """Over TCP: a connection that the other side closed looks open until it is used."""
    monkeypatch.setattr(health_module, "CACHED_SECONDS", 0.0)
    server = redis_process(port=free_port())
    given = {"url": server.url, "timeout_seconds": 10}
    async with start_service(redis=given) as service, _http(service.app) as http:
        assert (await http.get("/health/redis")).json()["status"] == "healthy"
        server.crash()
        await _until_bus_is(service, up=False)
        await asyncio.to_thread(server.start)
        # Its subscription takes the connection that it lost; left for the check is the one that rested.
        await _until_bus_is(service, up=True)
        answer = (await http.get("/health/redis")).json()
        assert (answer["status"], answer["details"]) == ("healthy", "ok")


async def test_that_redis_is_away_is_not_believed_for_long(start_service, redis_process, monkeypatch):
    monkeypatch.setattr(health_module, "CACHED_SECONDS", 3600.0)
    server = redis_process(port=free_port())
    given = {"url": server.url, "timeout_seconds": 10}
    async with start_service(redis=given) as service, _http(service.app) as http:
        server.crash()
        assert (await http.get("/health/redis")).json()["status"] == "degraded"
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(20):
            while (await http.get("/health/redis")).json()["status"] != "healthy":
                await asyncio.sleep(0.05)


async def test_askers_share_the_answer_that_redis_is_away_and_see_its_age(
    start_service, redis_process, monkeypatch
):
    monkeypatch.setattr(health_module, "AWAY_CACHED_SECONDS", 3600.0)
    server = redis_process()
    async with start_service(redis={"url": server.url}) as service, _http(service.app) as http:
        server.crash()
        first = (await http.get("/health/redis")).json()
        assert first["status"] == "degraded"
        while int(time.time()) == first["timestamp"]:
            await asyncio.sleep(0.01)
        assert (await http.get("/health/redis")).json() == first


@shares_service
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health/live", "healthy"),
        ("/health/ready", "ready"),
        ("/ready", "ready"),
        ("/health/startup", "started"),
        ("/health/db", "healthy"),
        ("/health/redis", "degraded"),
    ],
)
async def test_probes_answer_their_word_and_the_time(shared_rest, path, status):
    answer = await shared_rest.http.get(path)
    assert answer.status_code == 200
    assert answer.json()["status"] == status
    # Of a dependency it is when that was asked.
    assert -5 < time.time() - answer.json()["timestamp"] < health_module.CACHED_SECONDS + 5
    assert answer.headers["cache-control"] == "no-store"
    assert (await shared_rest.http.head(path)).status_code == 200


async def test_deep_health_adds_diagnostics(rest):
    body = (await rest.http.get("/health/deep")).json()
    assert body["diagnostics"]["tasks"] > 0
    assert body["diagnostics"]["memory_alloc_mb"] > 1
    pool = body["diagnostics"]["connection_pools"]["database"]
    assert pool["max_open"] == 8
    assert pool["active"] + pool["idle"] >= 1
    assert pool["wait_time_ms"] == 0
    assert body["diagnostics"]["connection_pools"].keys() == {"database"}
    assert body["diagnostics"]["recent_errors"] == []


async def test_an_unforeseen_failure_is_remembered_by_kind_alone(rest, monkeypatch):
    async def fail(listing_id: int):
        raise ZeroDivisionError("a secret of the caller")

    monkeypatch.setattr(rest.service.app.use_cases.favorites, "users_of", fail)
    answer = await rest.http.get("/api/v1/favorites/1/users", headers={"x-request-id": "the-one"})
    assert answer.status_code == 500
    assert answer.json()["error"] == "internal error, request id the-one"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await rest.service.stub.GetFavoritedUsers(pb.ListingIDRequest(listing_id=1))
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    deep = await rest.http.get("/health/deep")
    over_http, over_grpc = deep.json()["diagnostics"]["recent_errors"]
    assert (over_http["where"], over_http["kind"]) == ("GetFavoritedUsers", "ZeroDivisionError")
    assert over_http["request_id"] == "the-one"
    assert over_grpc["where"] == "GetFavoritedUsers"
    assert "secret" not in deep.text


async def test_a_busy_pool_is_degraded_and_still_ready(start_service, monkeypatch):
    # Callers may wait longer for a session than the check may take: it must not wait among them.
    monkeypatch.setattr(health_module, "CHECK_SECONDS", 5)
    database = {"pool_size": 2, "acquire_timeout_seconds": 60}
    async with start_service(database=database) as service, _http(service.app) as http:
        async with service.connections.session(), service.connections.session():
            caller = service.stub.IsFavorite(pb.IsFavoriteRequest(user_id=1, listing_id=1))
            async with asyncio.timeout(20):
                while not service.connections.state().waiting:
                    await asyncio.sleep(0.01)
            answer = await http.get("/health/db")
            pools = (await http.get("/health/deep")).json()["diagnostics"]["connection_pools"]
            assert (await http.get("/ready")).status_code == 200
        await caller
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert pools["database"]["active"] == 2
        assert pools["database"]["waiting"] >= 1  # the service's own rounds may wait too


async def test_a_database_that_hangs_is_away_although_the_pool_is_busy(
    postgres_process, monkeypatch, settings_of
):
    monkeypatch.setattr(health_module, "CACHED_SECONDS", 0)
    server = postgres_process()
    await migrate_up(server.dsn())
    settings = settings_of(server.dsn(), database={"pool_size": 1, "acquire_timeout_seconds": 20})
    async with (
        open_app(settings) as app,
        _http(app) as http,
    ):
        assert (await http.get("/ready")).status_code == 200
        async with app.connections.session():
            monkeypatch.setattr(health_module, "CHECK_SECONDS", 1)
            with suspended(server):
                assert (await http.get("/ready")).status_code == 503
            async with asyncio.timeout(30):
                while (await http.get("/ready")).status_code != 200:
                    await asyncio.sleep(0.05)


async def test_a_database_that_takes_no_more_connections_is_degraded(
    postgres_process, monkeypatch, settings_of
):
    monkeypatch.setattr(health_module, "WATCH_SECONDS", 1000)  # the first question finds no connection
    server = postgres_process(options={"max_connections": "10", "superuser_reserved_connections": "0"})
    await migrate_up(server.dsn())
    async with (
        AsyncExitStack() as others,
        open_app(settings_of(server.dsn())) as app,
        _http(app) as http,
    ):
        await _use_up_connections(server.dsn(), others)
        answer = await http.get("/health/db")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert (await http.get("/ready")).status_code == 200


async def test_deep_health_shows_the_connections_to_redis(start_service, redis_url):
    async with start_service(redis={"url": redis_url, "pool_size": 5}) as service, _http(service.app) as http:
        # The subscription; the check gives its connection back.
        wanted = {"active": 1, "idle": 1, "max_open": 5, "waiting": 0, "wait_time_ms": 0}
        async with asyncio.timeout(20):
            while (await http.get("/health/deep")).json()["diagnostics"]["connection_pools"][
                "redis"
            ] != wanted:
                await asyncio.sleep(0.01)


async def test_a_draining_service_is_at_once_not_ready(rest):
    assert (await rest.http.get("/ready")).status_code == 200
    rest.service.app.stopping.set()
    answer = await rest.http.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")
    assert answer.json()["reason"] == "stopping"
    assert answer.headers["connection"] == "close"
    assert (await rest.http.get("/health/live")).status_code == 200


async def test_the_database_going_away_ends_readiness_and_its_return_restores_it(
    postgres_process, monkeypatch, settings_of
):
    monkeypatch.setattr(health_module, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(health_module, "CACHED_SECONDS", 0.0)
    server = postgres_process()
    await migrate_up(server.dsn())
    async with (
        open_app(settings_of(server.dsn())) as app,
        _http(app) as http,
        grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}") as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)
        assert (await http.get("/ready")).status_code == 200
        server.crash("immediate")
        for path in ("/ready", "/health", "/health/deep", "/health/db"):
            assert (await http.get(path)).status_code == 503, path
        assert (await http.get("/health")).json()["status"] == "unhealthy"
        assert (await http.get("/health/live")).status_code == 200
        # Started once stays started: an outage must not restart the process.
        assert (await http.get("/health/startup")).status_code == 200
        await _until(stub, health_pb2.HealthCheckResponse.NOT_SERVING)
        errors = (await http.get("/health/deep")).json()["diagnostics"]["recent_errors"]
        assert errors[0]["where"] == "health.database"

        await asyncio.to_thread(server.start)
        await _until(stub, health_pb2.HealthCheckResponse.SERVING)
        assert (await http.get("/ready")).status_code == 200


async def test_a_database_without_a_schema_is_not_ready_until_it_is_migrated(
    empty_dsn, monkeypatch, settings_of
):
    monkeypatch.setattr(health_module, "CACHED_SECONDS", 0.0)
    async with (
        open_app(settings_of(empty_dsn)) as app,
        _http(app) as http,
    ):
        answer = await http.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["reason"] == "database: the schema is missing: run `listings migrate up`"
        assert (await http.get("/health/live")).status_code == 200

        await migrate_up(empty_dsn)

        assert (await http.get("/ready")).status_code == 200


@shares_service
async def test_metrics_are_prometheus_text_or_openmetrics(shared_rest):
    await shared_rest.http.get("/api/v1/categories")
    await shared_rest.http.get("/nowhere/secret-path")
    text = await shared_rest.http.get("/metrics")
    assert text.headers["content-type"].startswith("text/plain")
    assert (
        'listings_http_requests_total{method="GET",path="/api/v1/categories",status="200"} 1.0' in text.text
    )
    assert 'path="unmatched",status="404"} 1.0' in text.text
    assert "secret-path" not in text.text
    open_metrics = await shared_rest.http.get(
        "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert open_metrics.text.rstrip().endswith("# EOF")


def _http(app: App) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{app.http_port}")


async def _until_bus_is(service: Any, *, up: bool) -> None:
    """Until the service's subscription at Redis is lost or stands."""
    async with asyncio.timeout(30):
        while service.app.metrics.registry.get_sample_value(
            "listings_cache_server_up", {"server": "redis"}
        ) != float(up):
            await asyncio.sleep(0.01)


async def _use_up_connections(dsn: str, others: AsyncExitStack) -> None:
    """Until PostgreSQL takes no more."""
    while True:
        try:
            connection = await asyncpg.connect(dsn)
        except asyncpg.TooManyConnectionsError:
            return
        others.push_async_callback(connection.close)


async def _until(stub: health_pb2_grpc.HealthStub, wanted: int) -> None:
    """Watch gRPC health until it says what is wanted; the test's own time limit bounds it."""
    async for answer in stub.Watch(health_pb2.HealthCheckRequest()):
        if answer.status == wanted:
            return
