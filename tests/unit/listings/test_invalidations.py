"""What one process tells the others about its changes, whatever carries it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from listings.cache.encoded import EncodedCache
from listings.cache.invalidation import Invalidations
from listings.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable


class Kept:
    """A bus that keeps what it is given."""

    server = "redis"

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def publish(self, text: str) -> None:
        self.texts.append(text)

    async def listen(self, on_connected: Callable[[], None], on_text: Callable[[str], None]) -> None: ...


async def test_the_changes_of_a_busy_moment_travel_together_and_none_is_forgotten():
    bus, metrics = Kept(), Metrics()
    invalidations = Invalidations(EncodedCache(metrics.cache), bus, metrics.bus)

    began = time.monotonic()
    for listing in range(50):
        invalidations.changed(("listing", listing))
        await asyncio.sleep(0)
    await invalidations.flush()

    told = [listing for text in bus.texts for _, listing in json.loads(text)[1]]
    assert sorted(told) == list(range(50))
    # The first at once, and one for each ten milliseconds; a single pause is shorter where the text before it was late.
    assert len(bus.texts) <= 2 + (time.monotonic() - began) / 0.01


async def test_the_first_change_after_a_quiet_moment_is_told_at_once():
    bus, metrics = Kept(), Metrics()
    invalidations = Invalidations(EncodedCache(metrics.cache), bus, metrics.bus)

    invalidations.changed(("listing", 1))
    for _ in range(3):  # turns of the event loop: far fewer than any pause takes
        await asyncio.sleep(0)

    assert len(bus.texts) == 1
