"""`listings smoke` proves a service that works, and leaves nothing behind."""

from __future__ import annotations

import asyncpg
import grpc
import pytest
from providers.certificates import Authority

from listings.cli import smoke
from listings.cli.smoke import Checks, SmokeFailed, _check
from listings.client.errors import RateLimited, Unavailable


async def test_a_working_service_passes_and_nothing_is_left(service):
    checks = Checks()
    http = f"http://127.0.0.1:{service.app.http_port}"
    await _check(checks, service.dsn, f"127.0.0.1:{service.app.grpc_port}", http, None)
    assert {"gRPC health", "list", "search", "create", "update", "stock check", "delete"} <= set(checks.done)
    assert not checks.skipped
    connection = await asyncpg.connect(service.dsn)
    try:
        for table in ("categories", "storefronts", "listings"):
            left = await connection.fetchval(
                f"SELECT count(*) FROM {table} WHERE slug LIKE 'listings-smoke-%'"
            )
            assert left == 0
        assert await connection.fetchval("SELECT count(*) FROM listings WHERE title = 'Smoke test'") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize(("edges", "scheme"), [("both", "https"), ("grpc", "http")])
async def test_it_speaks_tls_where_it_is_told_who_signed_the_certificate(
    start_service, tmp_path, edges, scheme
):
    authority = Authority(tmp_path)
    pair = authority.sign("server")
    tls = {"cert_path": pair.cert_path, "key_path": pair.key_path, "edges": edges}
    async with start_service(tls=tls) as service:
        places = f"localhost:{service.app.grpc_port}", f"{scheme}://localhost:{service.app.http_port}"
        checks = Checks()
        await _check(checks, service.dsn, *places, None, authority.path)
        assert {"HTTP /health/ready", "gRPC health", "create", "delete"} <= checks.done.keys()

        stranger = Authority(tmp_path, "stranger")
        with pytest.raises(SmokeFailed):
            await _check(Checks(), service.dsn, *places, None, stranger.path)


async def test_nobody_there_is_a_failure_that_names_the_check(dsn):
    with pytest.raises(SmokeFailed, match="health/live"):
        await _check(Checks(), dsn, "127.0.0.1:1", "http://127.0.0.1:1", None)


@pytest.mark.parametrize(
    "refusal",
    [
        RateLimited(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many at once"),
        Unavailable(grpc.StatusCode.UNAVAILABLE, "busy; retry", retry_after=0.01),
    ],
)
async def test_a_busy_service_is_asked_again(refusal, monkeypatch):
    monkeypatch.setattr(smoke, "_PAUSE_SECONDS", 0.01)
    answers = [refusal, refusal, "found"]

    async def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    checks = Checks()
    assert await checks.run("get", ask) == "found"
    assert list(checks.done) == ["get"]


async def test_a_service_that_is_away_is_not_asked_again():
    asked = []

    async def ask():
        asked.append(1)
        raise Unavailable(grpc.StatusCode.UNAVAILABLE, "connection refused")

    with pytest.raises(SmokeFailed, match="connection refused"):
        await Checks().run("get", ask)
    assert len(asked) == 1
