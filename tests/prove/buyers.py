"""Ten thousand buyers at once, and a list on disk of everything they were told.

A process of its own, so that the list does not share the fate of what it watches:

    python buyers.py SEED BUYERS PRODUCTS FILE ADDRESS [ADDRESS ...]

Half of the buyers want one unit of one product, half want one unit of two to four products in one
order. A buyer whose call failed does not know what happened: it asks again under the same order id,
at another server, until it is told. One line per told outcome, on disk (fsync) before the buyer goes:

    order id <tab> bought|refused <tab> product ids <tab> times asked
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import grpc
import uvloop

from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc


class Told:
    """Lines that are on disk before their buyers go on; one fsync for all that wait together."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a")
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, line: str) -> None:
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((line, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            self._file.writelines(line for line, _ in batch)
            self._file.flush()
            await asyncio.to_thread(os.fsync, self._file.fileno())
            for _, written in batch:
                written.set_result(None)


async def buy(
    order: str, wanted: list[int], stubs: list[listings_pb2_grpc.ListingsServiceAsyncStub], told: Told
) -> None:
    chance = random.Random(order)
    request = pb.DecrementStockRequest(
        order_id=order, items=[pb.StockItem(product_id=product, quantity=1) for product in wanted]
    )
    asked = 0
    while True:
        asked += 1
        try:
            answer = await chance.choice(stubs).DecrementStock(request, timeout=10)
        except grpc.aio.AioRpcError:
            await asyncio.sleep(chance.uniform(0.05, 0.5))  # a client's back-off
            continue
        break
    outcome = "bought" if answer.success else "refused"
    await told.write(f"{order}\t{outcome}\t{','.join(map(str, wanted))}\t{asked}\n")


async def main(seed: int, buyers: int, products: int, file: Path, addresses: list[str]) -> None:
    chance = random.Random(seed)
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
    channels = [grpc.aio.insecure_channel(address, options=options) for address in addresses]
    stubs = [listings_pb2_grpc.ListingsServiceStub(channel) for channel in channels]
    told = Told(file)
    orders = []
    for number in range(buyers):
        count = 1 if number % 2 else chance.randint(2, 4)
        orders.append((f"seed-{seed}-{number}", chance.sample(range(1, products + 1), count)))
    chance.shuffle(orders)
    await asyncio.gather(*(buy(order, wanted, stubs, told) for order, wanted in orders))
    await asyncio.gather(*(channel.close() for channel in channels))


if __name__ == "__main__":
    seed, buyers, products, file, *addresses = sys.argv[1:]
    uvloop.run(main(int(seed), int(buyers), int(products), Path(file), addresses))
