"""Random carts in random order from many clients of two services: nobody sees a deadlock, nothing is lost.

LISTINGS_PROVE=1 runs for ten minutes.
"""

from __future__ import annotations

import asyncio
import os
import random
import time

import pytest
from providers.engine import run_engine
from providers.stock import load_shop

from listings.domain.stock import Item, Line

CLIENTS = 64
SECONDS = 600 if os.environ.get("LISTINGS_PROVE") == "1" else 3


@pytest.mark.timeout(SECONDS + 300)
async def test_random_carts_of_64_clients_meet_no_deadlock(dsn):
    async with run_engine(dsn) as one, run_engine(dsn) as two:
        shop = await load_shop(one.connections, "decrement_stock")
        items = [Item(shop[f"load_{n}"]) for n in range(1, 51)]
        items += [Item(*shop.variants[name]) for name in ("small", "medium")]
        until = time.monotonic() + SECONDS
        taken: dict[Item, int] = dict.fromkeys(items, 0)
        times: list[float] = []

        async def client(number: int) -> None:
            chance = random.Random(number)
            stock = (one, two)[number % 2].stock
            order = 0
            while time.monotonic() < until:
                order += 1
                cart = [Line(item, 1) for item in chance.sample(items, chance.randint(2, 20))]
                started = time.monotonic()
                answer = await stock.decrement(cart, f"{number}-{order}")
                times.append(time.monotonic() - started)
                if answer.success and chance.random() < 0.5:
                    chance.shuffle(cart)
                    assert (await stock.rollback(cart, f"{number}-{order}")).success
                elif answer.success:
                    for line in cart:
                        taken[line.item] += 1

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        await shop.prove()
        for name, begin in (("load_1", 1000), ("small", 20)):
            item = Item(*shop.variants[name]) if name in shop.variants else Item(shop[name])
            assert await shop.stock(name) == begin - taken[item]
        rows = await shop.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert rows[0]["deadlocks"] == 0
        times.sort()
        print(f"{len(times)} carts, p99 {times[int(len(times) * 0.99)] * 1000:.0f} ms")
        assert len(times) >= CLIENTS
