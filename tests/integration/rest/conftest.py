"""An HTTP client of a running service, and rows to ask it about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from listings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@dataclass(frozen=True)
class Rest:
    """A client of the HTTP port, and the app and database behind it."""

    http: httpx.AsyncClient
    service: Any

    @property
    def dsn(self) -> str:
        return self.service.dsn


def client_of(service: Any) -> httpx.AsyncClient:
    # Nothing here speaks TLS, and reading the certificate authorities takes longer than a test.
    return httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}", timeout=20)


@pytest.fixture
async def rest(service) -> AsyncIterator[Rest]:
    async with client_of(service) as http:
        yield Rest(http, service)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_rest(shared_service) -> AsyncIterator[Rest]:
    """The same, of the service that the module's tests share."""
    async with client_of(shared_service) as http:
        yield Rest(http, shared_service)


@pytest.fixture
def settings_of() -> Callable[..., Settings]:
    """Settings of a service on a database of the test's own making."""

    def make(dsn: str, **groups: dict[str, Any]) -> Settings:
        server = {"grpc_host": "127.0.0.1", "grpc_port": 0, "http_host": "127.0.0.1", "http_port": 0}
        server |= {"drain_delay_seconds": 0, **groups.pop("server", {})}
        database = {"url": dsn, **groups.pop("database", {})}
        return Settings.model_validate({"server": server, "database": database, **groups})

    return make


@pytest.fixture
def execute(dsn: str) -> Callable[..., Awaitable[list[Any]]]:
    """Run SQL beside the service: `await execute("INSERT ... RETURNING id", 1)`."""

    async def run(sql: str, *args: object) -> list[Any]:
        connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()

    return run


@pytest.fixture
def new_category(execute) -> Callable[..., Awaitable[int]]:
    async def create(name: str = "Velosipedi", **columns: Any) -> int:
        slug = columns.pop("slug", name.lower().replace(" ", "-"))
        return await _insert(execute, "categories", {"name": name, "slug": slug, **columns})

    return create


@pytest.fixture
def new_listing(execute, new_category) -> Callable[..., Awaitable[int]]:
    """Insert an active listing of user 7 and return its id."""

    async def create(**columns: Any) -> int:
        if "category_id" not in columns:
            found = await execute("SELECT id FROM categories ORDER BY id LIMIT 1")
            columns["category_id"] = found[0]["id"] if found else await new_category()
        return await _insert(
            execute,
            "listings",
            {
                "user_id": 7,
                "title": "Gradski bicikl",
                "price": 125,
                "currency": "EUR",
                "status": "active",
                "source_type": "c2c",
                **columns,
            },
        )

    return create


async def _insert(execute: Callable[..., Awaitable[list[Any]]], table: str, columns: dict[str, Any]) -> int:
    names = ", ".join(columns)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    rows = await execute(f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING id", *columns.values())
    return rows[0]["id"]
