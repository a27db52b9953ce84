"""Searches from a process of its own: `overload_client.py ADDRESS PER_SECOND SECONDS CLIENTS`.

They leave when they are due, whether or not others were answered. With CLIENTS above 0 it is a closed loop of so
many callers instead, which finds the peak. Prints one JSON object: answered calls per second of the run, latencies
of answers and of refusals in ms since the call was sent, refusals, other failures, and how late calls were sent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections import Counter

import uvloop
from bench.h2 import Connection, Refused

from listings.v1 import listings_pb2 as pb

PATH = "/listings.v1.ListingsService/SearchListings"
CONNECTIONS = 16
UNAVAILABLE = "14"
WORDS = [
    "bicycle",
    "phone",
    "sofa",
    "laptop",
    "table",
    "cot",
    "jacket",
    "refrigerator",
    "guitar",
    "scooter",
    "camera",
    "wardrobe",
    "armchair",
    "television",
    "vacuum",
    "stroller",
    "skis",
    "tent",
    "book",
    "lamp",
    "monitor",
    "printer",
    "kettle",
    "carpet",
    "mirror",
]
PAGE = 20
# No two of a thousand calls in a row ask the same: those that do, at once, are answered by one search.
REQUESTS = [
    pb.SearchListingsRequest(query=word, limit=PAGE, offset=offset).SerializeToString()
    for offset in range(40)
    for word in WORDS
]


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 1) if ordered else 0.0


class Run:
    """What happened to the calls of one run."""

    def __init__(self, connections: list[Connection]) -> None:
        self.connections = connections
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.late: list[float] = []
        self.failed: Counter[str] = Counter()

    async def call(self, number: int) -> None:
        sent = time.perf_counter()
        try:
            await self.connections[number % CONNECTIONS].call(PATH, REQUESTS[number % len(REQUESTS)])
        except Refused as error:
            if str(error).startswith(UNAVAILABLE) and "as many calls waiting" in str(error):
                self.refused.append(time.perf_counter() - sent)
            else:
                self.failed[str(error)] += 1
        else:
            self.answered.append(time.perf_counter() - sent)

    async def closed_loop(self, clients: int, seconds: float) -> None:
        """So many callers, each with its next call when the last was answered."""
        numbers = itertools.count()
        end = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                await self.call(next(numbers))

        await asyncio.gather(*(client() for _ in range(clients)))

    async def constant_rate(self, per_second: float, seconds: float) -> None:
        """Calls due at fixed instants."""
        started = time.perf_counter()
        async with asyncio.TaskGroup() as calls:
            for number in range(int(per_second * seconds)):
                due = started + number / per_second
                wait = due - time.perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                self.late.append(time.perf_counter() - due)
                calls.create_task(self.call(number))


async def main(address: str, per_second: float, seconds: float, clients: int) -> None:
    loop = asyncio.get_running_loop()
    host, _, port = address.rpartition(":")
    connections = [
        (await loop.create_connection(lambda: Connection(address), host, int(port)))[1]
        for _ in range(CONNECTIONS)
    ]
    run = Run(connections)
    started = time.perf_counter()
    await (run.closed_loop(clients, seconds) if clients else run.constant_rate(per_second, seconds))
    took = time.perf_counter() - started
    print(
        json.dumps(
            {
                "per_second": len(run.answered) / took,
                "p99_ms": quantile(run.answered, 0.99),
                "refused": len(run.refused),
                "refused_p50_ms": quantile(run.refused, 0.5),
                "refused_p99_ms": quantile(run.refused, 0.99),
                "late_p99_ms": quantile(run.late, 0.99),
                "failed": dict(run.failed),
            }
        )
    )
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
