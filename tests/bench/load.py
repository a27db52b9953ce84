"""Load on a gRPC service: closed loops at full speed, or a constant rate with honest latencies.

Constant-rate latencies count from the moment a call was due, so a stalled server cannot hide by
slowing the generator down.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVICE = "listings.v1.ListingsService"
Request = tuple[str, bytes]


@dataclass
class Outcome:
    """What one run measured; latencies in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Milliseconds below which this share of the calls was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


class Generator:
    """A few channels to one server; grpcio spreads nothing by itself."""

    def __init__(self, address: str, *, channels: int = 4) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(channels)]
        self._calls: list[dict[str, grpc.aio.UnaryUnaryMultiCallable]] = [{} for _ in range(channels)]

    async def close(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels))

    async def once(self, lane: int, method: str, data: bytes) -> bytes:
        lane %= len(self._channels)
        call = self._calls[lane].get(method)
        if call is None:
            call = self._channels[lane].unary_unary(f"/{SERVICE}/{method}")
            self._calls[lane][method] = call
        return await call(data, timeout=30)

    async def closed_loop(
        self, requests: Callable[[int], Iterator[Request]], *, clients: int, calls: int
    ) -> Outcome:
        """`clients` callers, each sending its next request when the last was answered."""
        outcome = Outcome()

        async def client(number: int) -> None:
            source = requests(number)
            for _ in range(calls // clients):
                await self._timed(outcome, number, *next(source), time.perf_counter())

        started = time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(clients)))
        outcome.seconds = time.perf_counter() - started
        return outcome

    async def constant_rate(
        self, requests: Iterator[Request], *, per_second: float, seconds: float
    ) -> Outcome:
        """Calls due at fixed instants, answered or not."""
        outcome = Outcome()
        started = time.perf_counter()
        running: set[asyncio.Task[None]] = set()
        for number in range(int(per_second * seconds)):
            due = started + number / per_second
            wait = due - time.perf_counter()
            if wait > 0.001:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._timed(outcome, number, *next(requests), due))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)
        outcome.seconds = time.perf_counter() - started
        return outcome

    async def _timed(self, outcome: Outcome, lane: int, method: str, data: bytes, due: float) -> None:
        try:
            await self.once(lane, method, data)
        except grpc.aio.AioRpcError as error:
            key = f"{method} {error.code().name}: {error.details()}"
            outcome.failures[key] = outcome.failures.get(key, 0) + 1
        else:
            outcome.latencies.append(time.perf_counter() - due)
