"""How other processes learn that an answer is stale.

A use case calls `changed(topics)` after its commit: this process forgets them at once, and the topics
of one event-loop tick (under load, of ten milliseconds) travel together to the others, over Redis pub/sub or, where there is no Redis or
while it is away, PostgreSQL's NOTIFY. A message may be lost (a bus is not a ledger): whoever loses its
connection to a bus forgets everything when it is back, and the cache's time to live bounds the rest.

With Redis, everybody listens to both, always: a process that alone lost Redis is still heard by those that
did not. That costs an idle session of PostgreSQL per process.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from enum import Enum
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
# The least time between two texts: a busy writer would otherwise send one after each of its commits, and each is a
# transaction of its own on PostgreSQL. The first change after a quiet moment is told at once.
_GATHER_SECONDS: Final = 0.01
_RECONNECT_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
# A first choice that failed is not asked again for so long, unless its subscription stands again sooner: asking
# one that does not answer takes as long as its time limit, and a change must not wait for that every time.
_AVOID_SECONDS: Final = 5.0
# After trouble with the first choice the second goes on carrying texts too: other processes may take the longest
# pause above to be back at the first, and theirs need not end when ours does.
_SETTLING_SECONDS: Final = 10.0


class Bus(Protocol):
    """Carries short texts to every process, this one included; may lose some."""

    @property
    def server(self) -> str:
        """What it runs on, as `BusMetrics.SERVERS` names it."""

    async def publish(self, text: str) -> None:
        """Send one text; raises when the bus is away."""

    async def listen(self, on_connected: Callable[[], None], on_text: Callable[[str], None]) -> None:
        """Receive until the connection is lost, then raise."""


class Carrier(Enum):
    """Who took the last text."""

    FIRST = "first"
    SECOND = "second"
    NOBODY = "nobody"


class Invalidations:
    """Keeps one process's cache true to what all processes write."""

    def __init__(
        self, cache: EncodedCache, bus: Bus, metrics: BusMetrics, *, second: Bus | None = None
    ) -> None:
        """`second` carries what `bus`, the first choice, does not take."""
        self._cache = cache
        self._first = bus
        self._second = second
        self._metrics = metrics
        self._sender = secrets.token_hex(6)
        self._pending: set[Topic] = set()
        self._next_text_at = 0.0
        self._publishing: asyncio.Task[None] | None = None
        self._carrier = Carrier.FIRST
        self._lost = 0
        self._avoid_first_until = 0.0
        self._settled_at = 0.0

    def changed(self, *topics: Topic) -> None:
        """Forget these topics here now, and everywhere soon. Call after the commit."""
        for topic in topics:
            self._cache.invalidate(topic)
        self._pending.update(topics)
        if self._publishing is None or self._publishing.done():
            self._publishing = asyncio.get_running_loop().create_task(self._publish())

    async def run(self) -> None:
        """Listen for other processes' changes until cancelled; started by `app.py`."""
        async with asyncio.TaskGroup() as listening:
            for bus in (self._first, self._second):
                if bus is not None:
                    listening.create_task(self._listen(bus))

    async def _listen(self, bus: Bus) -> None:
        failures = 0

        def connected() -> None:
            nonlocal failures
            if failures:
                # As loud as the loss: who was told of one must hear of the other.
                log.warning("invalidation bus is back", server=bus.server, failures=failures)
                self._distrust(bus)  # others may not be back yet
            failures = 0
            if bus is self._first:
                self._avoid_first_until = 0.0
            self._metrics.connected(bus.server, up=True)
            self._cache.clear()

        while True:
            try:
                await bus.listen(connected, self._received)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a bus raises, the service goes on without it
                if not failures:  # once per outage
                    log.warning("invalidation bus away", server=bus.server, error=type(error).__name__)
                self._distrust(bus)
                self._metrics.connected(bus.server, up=False)
                self._metrics.failed(bus.server, "listen")
                self._cache.clear()
            await asyncio.sleep(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS) - 1)])
            failures += 1

    async def flush(self) -> None:
        """Wait until everything said so far was handed to the bus (or was lost)."""
        while self._publishing is not None and not self._publishing.done():
            await asyncio.shield(self._publishing)

    async def _publish(self) -> None:
        while self._pending:
            await asyncio.sleep(max(self._next_text_at - time.monotonic(), 0.0))
            self._next_text_at = time.monotonic() + _GATHER_SECONDS
            topics, self._pending = self._pending, set()
            body = [list(topic) for topic in topics] if len(topics) <= _MOST_TOPICS else None
            text = json.dumps([self._sender, body], separators=(",", ":"))
            await self._send(text)

    async def _send(self, text: str) -> None:
        """Hand a text to the first choice, and to the second where that failed or may not reach everybody."""
        carrier = Carrier.NOBODY
        now = time.monotonic()
        if self._second is None or now >= self._avoid_first_until:
            if await self._publish_on(self._first, text):
                carrier = Carrier.FIRST
            else:
                self._avoid_first_until = time.monotonic() + _AVOID_SECONDS
                self._distrust(self._first)
        if (
            self._second is not None
            and (carrier is Carrier.NOBODY or now < self._settled_at)
            and await self._publish_on(self._second, text)
            and carrier is Carrier.NOBODY
        ):
            carrier = Carrier.SECOND
        self._carried_by(carrier)

    async def _publish_on(self, bus: Bus, text: str) -> bool:
        try:
            await bus.publish(text)
        except Exception:  # noqa: BLE001 - counted; the second choice or the time to live makes up for it
            self._metrics.failed(bus.server, "publish")
            return False
        self._metrics.sent()
        return True

    def _distrust(self, bus: Bus) -> None:
        if bus is self._first:
            self._settled_at = time.monotonic() + _SETTLING_SECONDS

    def _carried_by(self, carrier: Carrier) -> None:
        """Log who carries texts when that changes: an outage is two lines, however many writes it saw."""
        if carrier is Carrier.NOBODY:
            self._lost += 1
            self._metrics.lost()
        if carrier is self._carrier:
            return
        self._carrier = carrier
        if carrier is Carrier.NOBODY:
            log.warning(
                "invalidation not published", meaning="others answer from their cache until its time ends"
            )
            return
        if carrier is Carrier.SECOND and self._second is not None:
            log.warning(
                "invalidations take the second way",
                server=self._second.server,
                instead_of=self._first.server,
                lost=self._lost,
            )
        else:
            log.warning("invalidations published again", server=self._first.server, lost=self._lost)
        self._lost = 0

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
