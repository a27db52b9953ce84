"""HTTP of the operator: /livez and /readyz for the kubelet, /metrics for Prometheus."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from prometheus_client import CollectorRegistry


@asynccontextmanager
async def serve(
    host: str,
    port: int,
    registry: CollectorRegistry,
    *,
    alive: Callable[[], str],
    ready: Callable[[], str],
) -> AsyncIterator[int]:
    """Serve while the block runs, on the port it gives. `alive` and `ready` say what is wrong, or nothing.

    The event loop that answers is the one that does the work, so a blocked one fails the probe by silence.
    """

    async def live(_: web.Request) -> web.Response:
        return _verdict(alive())

    async def readiness(_: web.Request) -> web.Response:
        return _verdict(ready())

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", readiness)
    app.router.add_get("/metrics", scrape)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _verdict(wrong: str) -> web.Response:
    return web.Response(text=wrong or "ok", status=503 if wrong else 200)
