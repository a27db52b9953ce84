"""Limits, origins, connections and stopping: what the HTTP edge does around its routes."""

from __future__ import annotations

import asyncio
import socket

import asyncpg
import httpx
import pytest
from providers.sharing import shares_service

from listings.app import open_app
from listings.transport.rest import server as server_module


def client_of(service) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}")


async def test_the_limit_of_a_method_holds_and_says_when_to_come_back(start_service):
    limits = {"unlimited_networks": "", "trusted_proxies": "127.0.0.0/8"}
    async with start_service(rate_limit=limits) as service, client_of(service) as http:
        one, other = {"x-forwarded-for": "203.0.113.1"}, {"x-forwarded-for": "203.0.113.2"}
        path = "/api/v1/listings/1?user_id=7"
        answers = [await http.delete(path, headers=one) for _ in range(30)]  # 20 a minute, one more in 3 s
        statuses = [answer.status_code for answer in answers]
        assert statuses[:20] == [404] * 20
        assert 429 in statuses[20:]
        refused = answers[statuses.index(429)]
        assert refused.json()["reason"] == "RATE_LIMIT_EXCEEDED"
        assert refused.json()["error"] == "rate limit exceeded: maximum 20 requests per 1m0s"
        assert 1 <= int(refused.headers["retry-after"]) <= 3
        assert (await http.delete(path, headers=other)).status_code == 404
        assert (await http.get("/health", headers=one)).status_code == 200


@shares_service
async def test_callers_of_this_machine_are_not_limited(shared_rest):
    statuses = [
        (await shared_rest.http.delete("/api/v1/listings/1?user_id=7")).status_code for _ in range(30)
    ]
    assert set(statuses) == {404}


async def test_only_configured_origins_may_read(start_service):
    ours, theirs = {"origin": "https://shop.example"}, {"origin": "https://evil.example"}
    asked = {"access-control-request-method": "PUT", "access-control-request-headers": "authorization"}
    cors = {"allowed_origins": "https://shop.example"}
    async with start_service(cors=cors) as service, client_of(service) as http:
        allowed = await http.options("/api/v1/listings/1", headers=ours | asked)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        assert "PUT" in allowed.headers["access-control-allow-methods"]
        answer = await http.get("/api/v1/listings", headers=ours)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        refused = await http.get("/api/v1/listings", headers=theirs)
        assert "access-control-allow-origin" not in refused.headers


@shares_service
async def test_by_default_no_origin_may_read(shared_rest):
    answer = await shared_rest.http.get("/api/v1/listings", headers={"origin": "https://shop.example"})
    assert "access-control-allow-origin" not in answer.headers


@shares_service
async def test_connections_are_kept_and_answers_say_little_about_the_server(shared_rest):
    answer = await shared_rest.http.get("/health/live")
    assert "server" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-served-by" not in answer.headers  # the API's own mark
    assert answer.headers.get("connection", "keep-alive") == "keep-alive"


async def test_a_connection_that_says_nothing_is_closed(start_service, monkeypatch):
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.1)
    async with start_service() as service:
        for said in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.app.http_port)
            writer.write(said)
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()


async def test_a_kept_connection_may_rest_longer_than_a_head_may_take(start_service, monkeypatch):
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.5)
    async with start_service() as service, client_of(service) as http:
        first = await http.get("/health/live")
        await asyncio.sleep(0.7)  # the time itself is what is tested
        second = await http.get("/health/live")
        streams = [answer.extensions["network_stream"] for answer in (first, second)]
        assert streams[0] is streams[1]


@shares_service
async def test_a_head_that_is_too_large_is_refused(shared_rest):
    answer = await shared_rest.http.get("/health", headers={"x-large": "x" * 40_000})
    assert answer.status_code in {400, 431}  # refused while it arrives, or once it is whole


@shares_service
async def test_an_address_that_is_too_long_is_refused(shared_rest):
    answer = await shared_rest.http.get("/api/v1/listings/search?q=" + "x" * 40_000)
    assert (answer.status_code, answer.json()["reason"]) == (431, "HEAD_TOO_LARGE")


async def test_a_taken_port_is_an_error_that_names_the_setting(dsn, settings_of):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = settings_of(dsn, server={"http_port": taken.getsockname()[1]})
        with pytest.raises(RuntimeError, match="LISTINGS_HTTP_PORT"):
            async with open_app(settings):
                pass


async def test_stopping_finishes_requests_in_flight(dsn, settings_of, new_listing):
    listing_id = await new_listing()
    app_of = open_app(settings_of(dsn, server={"drain_seconds": 20}))
    app = await app_of.__aenter__()
    locked, stopping = asyncio.Event(), app.stopping

    async def hold_up() -> None:
        """Lock the listing until the service stops, so that a request for it is in flight then."""
        other = await asyncpg.connect(dsn)
        async with other.transaction():
            await other.execute("SELECT FROM listings WHERE id = $1 FOR UPDATE", listing_id)
            locked.set()
            await stopping.wait()
        await other.close()

    async with httpx.AsyncClient(
        verify=False, base_url=f"http://127.0.0.1:{app.http_port}", timeout=20
    ) as http:
        holding = asyncio.create_task(hold_up())
        await locked.wait()
        write = asyncio.create_task(
            http.put(f"/api/v1/listings/{listing_id}", json={"user_id": 7, "price": 5})
        )
        while app.metrics.registry.get_sample_value("listings_http_requests_in_flight") == 0:
            await asyncio.sleep(0.01)
        await app_of.__aexit__(None, None, None)
        answer = await write
        assert (answer.status_code, answer.json()["price"]) == (200, 5)
        with pytest.raises(httpx.ConnectError):
            await http.get("/health")
        await holding
