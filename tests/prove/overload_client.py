"""Calls at a constant rate from a process of its own: `overload_client.py ADDRESS PER_SECOND SECONDS CLIENTS`.

With CLIENTS above 0 it is a closed loop of so many callers instead, which finds the peak. Prints one JSON object:
answered calls per second of the run, latencies of answers and of refusals in ms, refusals, other failures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

import uvloop
from bench.h2 import Connection, Refused

from listings.v1 import listings_pb2 as pb

PATH = "/listings.v1.ListingsService/SearchListings"
CONNECTIONS = 8
UNAVAILABLE = "14"


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 1) if ordered else 0.0


class Run:
    """What happened to the calls of one run."""

    def __init__(self, connections: list[Connection]) -> None:
        self.connections = connections
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.failed: Counter[str] = Counter()

    async def call(self, number: int) -> None:
        began = time.perf_counter()
        words = ("bicycle", "phone", "sofa", "laptop", "table", "camera", "lamp", "tent")
        request = pb.SearchListingsRequest(query=words[number % 8], limit=20, offset=number % 50)
        try:
            await self.connections[number % CONNECTIONS].call(PATH, request.SerializeToString())
        except Refused as error:
            if str(error).startswith(UNAVAILABLE) and "as many calls waiting" in str(error):
                self.refused.append(time.perf_counter() - began)
            else:
                self.failed[str(error)] += 1
        else:
            self.answered.append(time.perf_counter() - began)


async def main(address: str, per_second: float, seconds: float, clients: int) -> None:
    loop = asyncio.get_running_loop()
    host, _, port = address.rpartition(":")
    connections = [
        (await loop.create_connection(lambda: Connection(address), host, int(port)))[1]
        for _ in range(CONNECTIONS)
    ]
    run = Run(connections)
    started = time.perf_counter()
    end = started + seconds

    async def client(first: int) -> None:
        number = first
        while time.perf_counter() < end:
            await run.call(number)
            number += clients

    async with asyncio.TaskGroup() as calls:
        if clients:
            for first in range(clients):
                calls.create_task(client(first))
        else:
            for number in range(int(per_second * seconds)):
                wait = started + number / per_second - time.perf_counter()
                if wait > 0.001:
                    await asyncio.sleep(wait)
                calls.create_task(run.call(number))
    took = time.perf_counter() - started
    print(
        json.dumps(
            {
                "per_second": len(run.answered) / took,
                "p99_ms": quantile(run.answered, 0.99),
                "refused": len(run.refused),
                "refused_p50_ms": quantile(run.refused, 0.5),
                "refused_p99_ms": quantile(run.refused, 0.99),
                "failed": dict(run.failed),
            }
        )
    )
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
