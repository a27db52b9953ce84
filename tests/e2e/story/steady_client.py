"""Calls a service at a steady rate, as clients in a cluster do, and counts what fails. Runs in a pod of its own.

Needs nothing but what the service's image has. One channel balances over every pod behind the headless Service and
follows gRPC health, as clients of ours are told to: a pod that is about to stop gets no calls by then. grpcio answers
CANCELLED to calls that it has read and not taken up when it stops (grpc/grpc#41785). Nothing is retried here: what gRPC
itself does not mend is a failure. Writes one JSON line when a file appears, and ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path

import grpc
from google.protobuf import empty_pb2

from listings.client import CHANNEL_OPTIONS
from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

RATE = float(os.environ["RATE"])
STOP, STARTED = Path("/tmp/stop"), Path("/tmp/started")
DEADLINE_SECONDS = 10.0


async def main() -> None:
    channel = grpc.aio.insecure_channel(f"dns:///{os.environ['ADDRESS']}", CHANNEL_OPTIONS)
    stub = listings_pb2_grpc.ListingsServiceStub(channel)
    failures: Counter[str] = Counter()
    taken: list[float] = []
    first: dict[str, float] = {}
    began = time.monotonic()

    async def call(number: int) -> None:
        sent = time.monotonic()
        try:
            if number % 10 < 7:
                await stub.GetAllCategories(empty_pb2.Empty(), timeout=DEADLINE_SECONDS)
            elif number % 10 < 9:
                await stub.ListListings(pb.ListListingsRequest(limit=5), timeout=DEADLINE_SECONDS)
            else:
                request = pb.AddToFavoritesRequest(user_id=1 + number, listing_id=LISTING)
                await stub.AddToFavorites(request, timeout=DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            what = f"{error.code().name}: {error.details()}"
            failures[what] += 1
            first.setdefault(what, sent - began)
        finally:
            taken.append(time.monotonic() - sent)

    # One call first, so that what follows meets a service that is there.
    await stub.GetAllCategories(empty_pb2.Empty(), timeout=60, wait_for_ready=True)
    began = time.monotonic()
    STARTED.touch()
    number, calls = 0, set()
    async with asyncio.TaskGroup() as group:
        while not STOP.exists():
            # What should have been sent by now, also after a moment without CPU: the rate is kept on average.
            while number < (time.monotonic() - began) * RATE:
                task = group.create_task(call(number))
                calls.add(task)
                task.add_done_callback(calls.discard)
                number += 1
            await asyncio.sleep(0.005)
    seconds = time.monotonic() - began
    taken.sort()
    print(
        json.dumps(
            {
                "calls": number,
                "seconds": seconds,
                "failed": sum(failures.values()),
                "failures": [
                    {"what": what, "times": times, "first_after": first[what]}
                    for what, times in failures.most_common(10)
                ],
                "p50_ms": taken[len(taken) // 2] * 1000,
                "p99_ms": taken[len(taken) * 99 // 100] * 1000,
                "slowest_ms": taken[-1] * 1000,
            }
        )
    )
    await channel.close(None)


LISTING = int(os.environ["LISTING"])
asyncio.run(main())
