"""Creates listings and writes down, with fsync, every acknowledgement that it got.

A process of its own, so that what it wrote down does not share the fate of the service it watches:

    python acknowledged_writer.py ADDRESS FILE CATEGORY SECONDS CLIENTS

One line per acknowledged listing: id and title. Calls that fail or time out have an unknown outcome;
they are counted and tried again with another title.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import grpc
import uvloop

from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc


async def main(address: str, file: Path, category: int, seconds: float, clients: int) -> None:
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
    unknown = 0
    with file.open("a", buffering=1) as acknowledged:
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            stub = listings_pb2_grpc.ListingsServiceStub(channel)
            until = time.monotonic() + seconds

            async def client(number: int) -> None:
                nonlocal unknown
                turn = 0
                while time.monotonic() < until:
                    turn += 1
                    title = f"Acknowledged {os.getpid()} {number} {turn}"
                    request = pb.CreateListingRequest(
                        user_id=number + 1,
                        title=title,
                        price=9.99,
                        currency="RSD",
                        category_id=category,
                        quantity=1,
                    )
                    try:
                        answer = await stub.CreateListing(request, timeout=5, wait_for_ready=True)
                    except grpc.aio.AioRpcError:
                        unknown += 1
                        continue
                    acknowledged.write(f"{answer.listing.id}\t{title}\n")
                    acknowledged.flush()
                    os.fsync(acknowledged.fileno())

            await asyncio.gather(*(client(number) for number in range(clients)))
    print(unknown, flush=True)


if __name__ == "__main__":
    address, file, category, seconds, clients = sys.argv[1:]
    uvloop.run(main(address, Path(file), int(category), float(seconds), int(clients)))
