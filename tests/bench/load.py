"""Load on a gRPC service: closed loops at full speed, or a constant rate with honest latencies.

Constant-rate latencies count from the moment a call was due, so a stalled server cannot hide by
slowing the generator down.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import grpc
from bench.h2 import Connection, Refused

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


# Larger requests would need several frames and flow control, which the small client does not have.
LARGEST_SMALL_REQUEST = 16_000


class Generator:
    """A few connections to one server."""

    def __init__(self, address: str, *, channels: int = 4) -> None:
        self._address = address
        self._count = channels
        self._connections: list[Connection] = []
        self._channel: grpc.aio.Channel | None = None

    async def open(self) -> None:
        host, _, port = self._address.rpartition(":")
        loop = asyncio.get_running_loop()
        while len(self._connections) < self._count:
            _, connection = await loop.create_connection(lambda: Connection(self._address), host, int(port))
            self._connections.append(connection)

    async def close(self) -> None:
        for connection in self._connections:
            connection.close()
        if self._channel is not None:
            await self._channel.close()

    async def once(self, lane: int, method: str, data: bytes) -> None:
        """One call; raises Refused unless it was answered OK."""
        path = f"/{SERVICE}/{method}"
        if len(data) <= LARGEST_SMALL_REQUEST:
            await self._connections[lane % self._count].call(path, data)
        else:
            await self.answer_of(method, data)

    async def answer_of(self, method: str, data: bytes) -> bytes:
        """One call through grpcio, for its answer's bytes."""
        if self._channel is None:
            options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
            self._channel = grpc.aio.insecure_channel(self._address, options=options)
        try:
            return await self._channel.unary_unary(f"/{SERVICE}/{method}")(data, timeout=60)
        except grpc.aio.AioRpcError as error:
            raise Refused(f"{error.code().name} {error.details()}") from error

    async def closed_loop(
        self, requests: Callable[[int], Iterator[Request]], *, clients: int, calls: int
    ) -> Outcome:
        """`clients` callers, each sending its next request when the last was answered.

        Requests are made beforehand: making them is not what is measured.
        """
        await self.open()
        outcome = Outcome()
        prepared = [list(islice(requests(number), calls // clients)) for number in range(clients)]

        async def client(number: int) -> None:
            for method, data in prepared[number]:
                await self._timed(outcome, number, method, data, time.perf_counter())

        started = time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(clients)))
        outcome.seconds = time.perf_counter() - started
        return outcome

    async def constant_rate(
        self, requests: Iterator[Request], *, per_second: float, seconds: float
    ) -> Outcome:
        """Calls due at fixed instants, answered or not."""
        await self.open()
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
        except Refused as error:
            key = f"{method} {error}"
            outcome.failures[key] = outcome.failures.get(key, 0) + 1
        else:
            outcome.latencies.append(time.perf_counter() - due)
