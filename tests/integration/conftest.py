"""A running service for integration tests: the real app in process, on a database of the test's own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import pytest_asyncio
from providers.catalog import add_listing

from listings.app import App, open_app
from listings.settings import Settings
from listings.v1 import listings_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from listings.db.connections import Connections


@dataclass(frozen=True)
class Service:
    """The app, a channel to it, and the database under it."""

    app: App
    stub: listings_pb2_grpc.ListingsServiceAsyncStub
    channel: grpc.aio.Channel
    dsn: str

    @property
    def connections(self) -> Connections:
        return self.app.connections

    async def first_rounds(self) -> None:
        """Wait until all that the service does by itself was done once."""
        async with asyncio.timeout(20):
            while not all(self._rounds_done()):
                await asyncio.sleep(0.01)

    def _rounds_done(self) -> list[float]:
        return [
            sample.value
            for family in self.app.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "listings_maintenance_runs_total" and sample.labels["result"] == "done"
        ]


def settings_for(dsn: str, **groups: dict[str, Any]) -> Settings:
    """Settings of a test service: free ports, no drain delay, patience; everything else as shipped."""
    given: dict[str, dict[str, Any]] = {
        "server": {
            "grpc_host": "127.0.0.1",
            "grpc_port": 0,
            "http_host": "127.0.0.1",
            "http_port": 0,
            "drain_delay_seconds": 0,
        },
        # A machine that does other work besides is no reason for a refusal, nor for a line in the log.
        "database": {"url": dsn, "acquire_timeout_seconds": 20, "slow_statement_seconds": 60},
    }
    for name, values in groups.items():
        given.setdefault(name, {}).update(values)
    return Settings.model_validate(given)


@asynccontextmanager
async def run_service(dsn: str, **groups: dict[str, Any]) -> AsyncIterator[Service]:
    async with (
        open_app(settings_for(dsn, **groups)) as app,
        grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}") as channel,
    ):
        yield Service(app, listings_pb2_grpc.ListingsServiceStub(channel), channel, dsn)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[Service]:
    async with run_service(dsn) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_service(module_dsn: str) -> AsyncIterator[Service]:
    """One service for the tests of a module that write nothing; they are marked `shares_service`."""
    async with run_service(module_dsn) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_listing(shared_service: Service) -> int:
    """An active listing of user 7, for requests about it that are refused."""
    return await add_listing(shared_service.connections)


@pytest.fixture
def start_service(dsn: str) -> Callable[..., AbstractAsyncContextManager[Service]]:
    """Start services with other settings: `async with start_service(cache={"enabled": False}) as s`."""

    def start(**groups: dict[str, Any]) -> AbstractAsyncContextManager[Service]:
        return run_service(dsn, **groups)

    return start
