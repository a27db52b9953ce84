"""No request, however made, is answered INTERNAL or UNKNOWN; sensible ones are answered OK.

Each RPC gets its share of cases (more with LISTINGS_PROVE=1), and at least 30 % of them must be
answered OK, or the fuzzing would only knock at the door.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from concurrent.futures import Future

import asyncpg
import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from integration.fuzz.messages import SERVICE, Known, requests

from listings.app import open_app
from listings.settings import Settings
from listings.transport.policy import POLICIES

CASES = 1000 if os.environ.get("LISTINGS_PROVE") else 30
FORBIDDEN = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED}

SEED = """
INSERT INTO categories (id, name, slug, level) SELECT n, 'Category ' || n, 'category-' || n, 0 FROM generate_series(1, 5) n;
INSERT INTO storefronts (id, user_id, slug, name) SELECT n, 100 + n, 'shop-' || n, 'Shop ' || n FROM generate_series(1, 3) n;
INSERT INTO listings (id, user_id, title, slug, price, category_id, status, quantity)
  SELECT n, 1 + n % 50, 'Велосипед ' || n, 'bike-' || n, 100, 1 + n % 5, 'draft', 5 FROM generate_series(1, 4000) n;
INSERT INTO listing_images (id, listing_id, url) SELECT n, n, 'https://img.example/' || n FROM generate_series(1, 4000) n;
INSERT INTO listings (id, user_id, storefront_id, title, slug, price, category_id, status, quantity, sku, source_type, has_variants)
  SELECT n, 101 + n % 3, 1 + n % 3, 'Product ' || n, 'product-' || n, 100, 1, 'active', 1000, 'sku-' || n, 'b2c', n > 8000
  FROM generate_series(5001, 11000) n;
INSERT INTO product_variants (id, product_id, sku, price, stock_quantity)
  SELECT n, n, 'variant-' || n, 10, 1000 FROM generate_series(8001, 11000) n;
INSERT INTO product_variants (id, product_id, sku, price, stock_quantity)
  SELECT n + 10000, n, 'second-' || n, 10, 1000 FROM generate_series(8001, 11000) n;
SELECT setval(pg_get_serial_sequence('listings', 'id'), 100000), setval(pg_get_serial_sequence('listing_images', 'id'), 100000),
       setval(pg_get_serial_sequence('product_variants', 'id'), 100000), setval(pg_get_serial_sequence('categories', 'id'), 100),
       setval(pg_get_serial_sequence('storefronts', 'id'), 100);
"""


def known(listings: range, products: range, variant_products: range, doomed: Known | None = None) -> Known:
    return Known(
        listings=listings,
        products=products,
        variant_products=[(number, number) for number in variant_products],
        images=[(number, number) for number in listings],
        categories=range(1, 6),
        storefronts=(1, 2, 3),
        storefront_slugs=("shop-1", "shop-2", "shop-3"),
        owners={number: 1 + number % 50 for number in listings},
        shops={number: 1 + number % 3 for number in (*products, *variant_products)},
        skus=[f"sku-{number}" for number in range(5001, 5500)],
        doomed=doomed,
    )


# Deletions have things of their own, as many as there are turns: nobody else then looks for what is gone.
DOOMED = known(range(2001, 4001), range(6001, 8001), range(9001, 11001))
KNOWN = known(range(1, 2001), range(5001, 6001), range(8001, 9001), DOOMED)


@pytest.fixture(scope="module")
def channel(module_dsn):
    """A service on a loop of its own thread: hypothesis drives it with plain calls."""
    started: Future[int] = Future()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        connection = await asyncpg.connect(module_dsn)
        await connection.execute(SEED)
        await connection.close()
        given_settings = Settings.model_validate(
            {
                "server": {
                    "grpc_host": "127.0.0.1",
                    "grpc_port": 0,
                    "http_host": "127.0.0.1",
                    "http_port": 0,
                    "drain_delay_seconds": 0,
                },
                "database": {"url": module_dsn},
            }
        )
        async with open_app(given_settings) as app:
            done = asyncio.Event()
            stop.append((asyncio.get_running_loop(), done))
            started.set_result(app.grpc_port)
            await done.wait()

    def thread() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    runner = threading.Thread(target=thread)
    runner.start()
    with grpc.insecure_channel(f"127.0.0.1:{started.result(60)}") as opened:
        yield opened
    loop, done = stop[0]
    loop.call_soon_threadsafe(done.set)
    runner.join(60)


@pytest.fixture(scope="module")
def tally():
    """Statuses by RPC, printed as a table at the end."""
    counts: dict[str, Counter[str]] = {}
    yield counts
    print("\nRPC | cases | OK | other statuses")
    for method, statuses in counts.items():
        total = sum(statuses.values())
        others = ", ".join(f"{name} {count}" for name, count in statuses.most_common() if name != "OK")
        print(f"{method} | {total} | {statuses['OK'] / total:.0%} | {others}")


@pytest.mark.parametrize("method", list(SERVICE.methods), ids=lambda method: method.name)
def test_no_request_is_an_internal_error(method, channel, tally):
    call = channel.unary_unary(f"/{SERVICE.full_name}/{method.name}")
    statuses = tally.setdefault(method.name, Counter())

    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=not os.environ.get("LISTINGS_PROVE"),
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(data=requests(method, KNOWN), user=st.sampled_from(["", "7", "x" * 300]))
    def fuzz(data: bytes, user: str) -> None:
        metadata = (("user-id", user),) if user else ()
        try:
            call(data, timeout=30, metadata=metadata)
        except grpc.RpcError as error:
            status = error.code()
            statuses[status.name] += 1
            assert status not in FORBIDDEN, f"{method.name} {data!r}: {status.name} {error.details()}"
        else:
            statuses["OK"] += 1

    fuzz()
    # Metrics pre-create them, and documentation names them: another one would be news to both.
    assert statuses.keys() <= set(POLICIES[method.name].statuses)
    assert statuses["OK"] / sum(statuses.values()) >= 0.3, dict(statuses)
