"""Whatever a generator sends, answers keep to the OpenAPI document and are never server errors.

Reduced by default; `LISTINGS_PROVE=1` sends fifty times as much. The service runs in a thread of its
own, because the generator is not asynchronous.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import schemathesis
import uvloop
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from listings.app import open_app
from listings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVE = os.environ.get("LISTINGS_PROVE") == "1"
EXAMPLES = 500 if PROVE else 10

CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    unsupported_method,
)


@pytest.fixture(scope="module")
def address(module_dsn: str) -> Iterator[str]:
    """Run the service, with something in its catalog, in a thread; give its HTTP address."""
    started: Any = threading.Event()
    state: dict[str, Any] = {}

    async def run() -> None:
        await _fill(module_dsn)
        server = {"grpc_host": "127.0.0.1", "grpc_port": 0, "http_host": "127.0.0.1", "http_port": 0}
        settings = Settings.model_validate(
            {"server": server | {"drain_delay_seconds": 0}, "database": {"url": module_dsn}}
        )
        state["stop"], state["loop"] = asyncio.Event(), asyncio.get_running_loop()
        async with open_app(settings) as app:
            state["port"] = app.http_port
            started.set()
            await state["stop"].wait()

    def serve() -> None:
        try:
            uvloop.run(run())
        finally:
            started.set()

    thread = threading.Thread(target=serve)
    thread.start()
    assert started.wait(60)
    yield f"http://127.0.0.1:{state['port']}"
    state["loop"].call_soon_threadsafe(state["stop"].set)
    thread.join(60)


async def _fill(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            """
            INSERT INTO categories (name, slug) SELECT 'Category ' || n, 'category-' || n
            FROM generate_series(1, 3) n;
            INSERT INTO storefronts (user_id, slug, name)
            SELECT n, 'shop-' || n, 'Shop ' || n FROM generate_series(1, 3) n;
            INSERT INTO listings (user_id, title, price, currency, category_id, status, source_type)
            SELECT 1 + n % 3, 'Listing ' || n, n, 'EUR', 1 + n % 3, 'active', 'c2c'
            FROM generate_series(1, 30) n;
            INSERT INTO listing_images (listing_id, url)
            SELECT n, 'https://i.example/' || n FROM generate_series(1, 30) n;
            INSERT INTO listing_favorites (user_id, listing_id) SELECT 1, n FROM generate_series(1, 10) n;
            """
        )
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def document(address: str) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.fixture(scope="module")
def tally() -> Iterator[dict[str, Counter[int]]]:
    """Statuses by operation, printed as a table at the end."""
    counts: dict[str, Counter[int]] = {}
    yield counts
    print("\nOperation | examples | 5xx | statuses")
    for label, statuses in counts.items():
        failed = sum(count for status, count in statuses.items() if status >= 500)
        each = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        print(f"{label} | {statuses.total()} | {failed} | {each}")


@pytest.mark.timeout(1800 if PROVE else 120)
def test_every_answer_keeps_to_the_document(document, address, subtests, tally) -> None:
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:
        with subtests.test(operation.label):
            examine(operation, address, tally.setdefault(operation.label, Counter()))


def examine(operation: Any, address: str, statuses: Counter[int]) -> None:
    """Send what an operation may and may not be sent."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=not PROVE,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def exchange(case: schemathesis.Case) -> None:
        answer = case.call(base_url=address)
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    exchange()
