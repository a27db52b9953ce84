"""How other processes learn that an answer is stale.

A use case calls `changed(topics)` after its commit: this process forgets them at once, and the topics
of one event-loop tick travel together to the others, over Redis pub/sub or, where there is no Redis,
PostgreSQL's NOTIFY. A message may be lost (a bus is not a ledger): whoever loses its connection to the
bus forgets everything when it is back, and the cache's time to live bounds the rest.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Final, Protocol

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from listings.cache.encoded import EncodedCache, Topic
    from listings.state_metrics import BusMetrics

log = structlog.get_logger(__name__)

CHANNEL: Final = "listings_v1_changed"
# NOTIFY payloads end at 8000 bytes; more topics than this are cheaper to forget wholesale.
_MOST_TOPICS: Final = 200
_RECONNECT_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 5.0)


class Bus(Protocol):
    """Carries short texts to every process, this one included; may lose some."""

    @property
    def server(self) -> str:
        """What it runs on, as `BusMetrics.SERVERS` names it."""

    async def publish(self, text: str) -> None:
        """Send one text; raises when the bus is away."""

    async def listen(self, on_connected: Callable[[], None], on_text: Callable[[str], None]) -> None:
        """Receive until the connection is lost, then raise."""


class Invalidations:
    """Keeps one process's cache true to what all processes write."""

    def __init__(self, cache: EncodedCache, bus: Bus, metrics: BusMetrics) -> None:
        self._cache = cache
        self._bus = bus
        self._metrics = metrics
        self._sender = secrets.token_hex(6)
        self._pending: set[Topic] = set()
        self._publishing: asyncio.Task[None] | None = None

    def changed(self, *topics: Topic) -> None:
        """Forget these topics here now, and everywhere soon. Call after the commit."""
        for topic in topics:
            self._cache.invalidate(topic)
        self._pending.update(topics)
        if self._publishing is None or self._publishing.done():
            self._publishing = asyncio.get_running_loop().create_task(self._publish())

    async def run(self) -> None:
        """Listen for other processes' changes until cancelled; started by `app.py`."""
        failures = 0

        def connected() -> None:
            nonlocal failures
            failures = 0
            self._metrics.connected(self._bus.server, up=True)
            self._cache.clear()

        while True:
            try:
                await self._bus.listen(connected, self._received)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a bus raises, the service goes on without it
                log.warning("invalidation bus away", error=type(error).__name__)
                self._metrics.connected(self._bus.server, up=False)
                self._metrics.failed(self._bus.server, "listen")
                self._cache.clear()
            await asyncio.sleep(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS) - 1)])
            failures += 1

    async def flush(self) -> None:
        """Wait until everything said so far was handed to the bus (or was lost)."""
        while self._publishing is not None and not self._publishing.done():
            await asyncio.shield(self._publishing)

    async def _publish(self) -> None:
        while self._pending:
            topics, self._pending = self._pending, set()
            body: list[list[object]] | None = [list(topic) for topic in topics]
            if len(topics) > _MOST_TOPICS:
                body = None
            text = json.dumps([self._sender, body], separators=(",", ":"))
            try:
                await self._bus.publish(text)
                self._metrics.sent()
            except Exception as error:  # noqa: BLE001 - the time to live bounds what others keep
                log.warning("invalidation not published", error=type(error).__name__, topics=len(topics))
                self._metrics.failed(self._bus.server, "publish")

    def _received(self, text: str) -> None:
        try:
            sender, body = json.loads(text)
            if sender == self._sender:
                return
            self._metrics.received()
            if body is None:
                self._cache.clear()
                return
            for topic in body:
                self._cache.invalidate(tuple(topic))
        except (ValueError, TypeError):
            # Another version's message on a shared channel: forgetting is always right.
            self._cache.clear()
