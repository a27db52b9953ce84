"""`listings smoke` proves a service that works, and leaves nothing behind."""

from __future__ import annotations

import asyncpg
import pytest

from listings.cli.smoke import Checks, SmokeFailed, _check


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


async def test_nobody_there_is_a_failure_that_names_the_check(dsn):
    with pytest.raises(SmokeFailed, match="health/live"):
        await _check(Checks(), dsn, "127.0.0.1:1", "http://127.0.0.1:1", None)
