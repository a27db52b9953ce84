"""The service with all that watches it, on this machine: database, Redis, exporters, Prometheus, Alertmanager.

The monitoring is that of `make monitoring`, on free ports; the catalog is that of `make run`.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.machine import Listings, listings_server
from bench.marketplace import Marketplace
from providers.free_ports import free_port, free_ports
from providers.tools import tool

from listings.demo.load import load_demo
from listings.embedded import EmbeddedPostgres, EmbeddedRedis
from listings.migrate.files import default_folder
from listings.migrate.runner import migrate_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

monitoring = tool("monitoring")


@dataclass(frozen=True)
class Watched:
    """What runs, and where it answers."""

    dsn: str
    redis: EmbeddedRedis
    service: Listings
    prometheus: str
    alertmanager: str

    def marketplace(self, seed: int = 1) -> Marketplace:
        return Marketplace(self.service.address, self.service.http, seed)


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """All of it, ready, while the block lasts."""
    with ExitStack() as stack:
        postgres = EmbeddedPostgres(folder / "postgres")
        dsn = postgres.start()
        stack.callback(postgres.stop)
        asyncio.run(_filled(dsn))
        redis = EmbeddedRedis(folder / "redis", port=free_port())
        redis.start()
        stack.callback(redis.stop)
        log, given = folder / "listings.log", {"LISTINGS_REDIS_URL": redis.url}
        service = stack.enter_context(listings_server(dsn, log=log, **given))
        where = monitoring.Ports(urlsplit(service.http).port, *free_ports(len(fields(monitoring.Ports)) - 1))
        told_nobody = monitoring.FILES / "alertmanager" / "development.yml"
        stack.enter_context(monitoring.running(where, folder / "monitoring", dsn, redis.url, told_nobody))
        yield Watched(
            dsn,
            redis,
            service,
            f"http://127.0.0.1:{where.prometheus}",
            f"http://127.0.0.1:{where.alertmanager}",
        )


async def _filled(dsn: str) -> None:
    """The catalog of `make run`."""
    await migrate_up(dsn, default_folder())
    await load_demo(dsn)
