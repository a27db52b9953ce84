"""Buyers who give back half of what they buy, for as long as they may, and a list on disk of all they were told.

A process of its own, so that the list does not share the fate of what it watches:

    python orders.py FILE PRODUCTS CLIENTS ADDRESS [ADDRESS ...]

Each client orders one to three products, is told, gives every second bought order back, is told, and
goes on until SIGTERM. A call that failed has an unknown outcome: it is made again, under the same order
id. One line per told outcome, on disk (fsync) before the client goes on:

    order id <tab> bought|refused|returned <tab> product ids <tab> monotonic second of the answer

On SIGTERM it finishes what it began and prints {"asked": n, "failed": {status: n}, "slowest": seconds}
as JSON: calls made, those that failed by status and reason, and the longest time from the first asking to
the answer.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import uvloop
from buyers import Told

from listings.client.errors import call_error
from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

CALL_SECONDS = 5
"""What a client of ours waits before it takes a call for failed."""


class Orders:
    """All clients together."""

    def __init__(self, addresses: list[str], products: int, told: Told) -> None:
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        self._channels = [grpc.aio.insecure_channel(address, options=options) for address in addresses]
        self._stubs = [listings_pb2_grpc.ListingsServiceStub(channel) for channel in self._channels]
        self._products = products
        self._told = told
        self._stopping = asyncio.Event()
        self.asked = 0
        self.failed: Counter[str] = Counter()
        self.slowest = 0.0

    def stop(self) -> None:
        self._stopping.set()

    async def close(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels))

    async def client(self, number: int) -> None:
        chance = random.Random(number)
        turn = 0
        while not self._stopping.is_set():
            turn += 1
            order = f"order-{number}-{turn}"
            wanted = chance.sample(range(1, self._products + 1), chance.randint(1, 3))
            items = [pb.StockItem(product_id=product, quantity=1) for product in wanted]
            taking = pb.DecrementStockRequest(order_id=order, items=items)
            answer = await self._until_told(
                lambda stub, it=taking: stub.DecrementStock(it, timeout=CALL_SECONDS)
            )
            await self._write(order, "bought" if answer.success else "refused", wanted)
            if answer.success and turn % 2:
                giving = pb.RollbackStockRequest(order_id=order, items=items)
                answer = await self._until_told(
                    lambda stub, it=giving: stub.RollbackStock(it, timeout=CALL_SECONDS)
                )
                if not answer.success:
                    raise RuntimeError(f"{order} could not be given back: {answer}")
                await self._write(order, "returned", wanted)

    async def _until_told(self, call: Callable[[listings_pb2_grpc.ListingsServiceAsyncStub], grpc.aio.Call]):
        began = time.monotonic()
        attempt = 0
        while True:
            stub = self._stubs[(self.asked + attempt) % len(self._stubs)]
            self.asked += 1
            try:
                answer = await call(stub)
            except grpc.aio.AioRpcError as error:
                attempt += 1
                told = call_error(error.code(), error.details() or "", error.trailing_metadata() or ())
                self.failed[f"{told.code.name} {told.reason}".strip()] += 1
                await asyncio.sleep(min(0.02 * 2**attempt, 0.5))  # a client's back-off
                continue
            self.slowest = max(self.slowest, time.monotonic() - began)
            return answer

    async def _write(self, order: str, outcome: str, products: list[int]) -> None:
        await self._told.write(
            f"{order}\t{outcome}\t{','.join(map(str, products))}\t{time.monotonic():.3f}\n"
        )


async def main(file: Path, products: int, clients: int, addresses: list[str]) -> None:
    orders = Orders(addresses, products, Told(file))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, orders.stop)
    await asyncio.gather(*(orders.client(number) for number in range(clients)))
    await orders.close()
    print(json.dumps({"asked": orders.asked, "failed": orders.failed, "slowest": round(orders.slowest, 2)}))


if __name__ == "__main__":
    file, products, clients, *addresses = sys.argv[1:]
    uvloop.run(main(Path(file), int(products), int(clients), addresses))
