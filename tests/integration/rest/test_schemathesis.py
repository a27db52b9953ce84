"""Whatever a generator sends, answers keep to the OpenAPI document and are never server errors.

The document knows types, not whose listing 7 is, so two of three cases are filled with what the catalog holds: each
operation is answered with success in at least 30 % of its cases, or the generator would only knock at the door.
Reduced by default; `LISTINGS_PROVE=1` sends fifty times as much. The service runs in a thread of its
own, because the generator is not asynchronous.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import schemathesis
import uvloop
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
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

# Everything is user 1's. Listings, and the images of the same number, that stay; beyond them those to be deleted.
STAYING = 30
DOOMED = 4 * EXAMPLES
_turns = count(1)

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
            """
        )
        await connection.execute(
            """
            INSERT INTO listings (user_id, title, price, currency, category_id, status, source_type)
            SELECT 1, 'Listing ' || n, n, 'EUR', 1 + n % 3, 'active', 'c2c' FROM generate_series(1, $1::int) n
            """,
            STAYING + DOOMED,
        )
        await connection.execute(
            """
            INSERT INTO listing_images (listing_id, url)
            SELECT id, 'https://i.example/' || id FROM listings ORDER BY id;
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
    print("\nOperation | examples | success | 5xx | statuses")
    for label, statuses in counts.items():
        failed = sum(times for status, times in statuses.items() if status >= 500)
        each = ", ".join(f"{status}: {times}" for status, times in sorted(statuses.items()))
        print(f"{label} | {statuses.total()} | {success(statuses):.0%} | {failed} | {each}")


def success(statuses: Counter[int]) -> float:
    """The share of answers that are no refusal."""
    return sum(times for status, times in statuses.items() if 200 <= status < 300) / statuses.total()


@pytest.mark.timeout(1800 if PROVE else 120)
def test_every_answer_keeps_to_the_document(document, address, subtests, tally) -> None:
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:
        with subtests.test(operation.label):
            statuses = tally.setdefault(operation.label, Counter())
            examine(operation, address, statuses)
            assert success(statuses) >= 0.3, dict(statuses)


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
    @given(st.integers(0, 2).flatmap(lambda kind: sensible(operation) if kind else anything(operation)))
    def exchange(case: schemathesis.Case) -> None:
        answer = case.call(base_url=address)
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    exchange()


def anything(operation: Any) -> st.SearchStrategy[schemathesis.Case]:
    return operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def sensible(operation: Any) -> st.SearchStrategy[schemathesis.Case]:
    """What the document allows, about things that exist, by the one who may; a deletion takes another thing each time."""
    if operation.label in ("DELETE /api/v1/listings/{listing_id}", "DELETE /api/v1/images/{image_id}"):
        # An image goes with its listing: each of the two has listings of its own. Something is drawn, because
        # cases that draw the same are one case to hypothesis.
        own = operation.label.startswith("DELETE /api/v1/images")
        things = st.integers(0, 2**40).map(lambda _: STAYING + 2 * next(_turns) - own)
    else:
        things = st.integers(1, STAYING)
    return st.builds(filled, operation.as_strategy(), things)


def filled(case: schemathesis.Case, thing: int) -> schemathesis.Case:
    """The case with the names of the catalog's things in it, and without what would contradict them."""
    names = {
        "listing_id": thing,
        "image_id": thing,
        "storefront_id": 1,
        "category_id": 1,
        "user_id": 1,
        "slug": "shop-1",
    }
    for name in case.path_parameters:
        case.path_parameters[name] = names[name]
    declared = {each["name"] for each in case.operation.definition.raw.get("parameters", ())}
    case.query = {
        **{
            name: value
            for name, value in case.query.items()
            if name not in {"page_token", "max_price", "all"}
        },
        **{
            name: value
            for name, value in {"user_id": 1, "q": "Listing", "parent_id": 1}.items()
            if name in declared
        },
    }
    known = {
        "POST /api/v1/listings": {
            "storefront_id": None, "title": f"Listing {thing}", "price": 12.5, "currency": "RSD", "category_id": 1,
            "sku": None, "source_type": "c2c",
        },
        "PUT /api/v1/listings/{listing_id}": {"title": f"Listing {thing}", "price": 12.5, "status": None},
        "PATCH /api/v1/listings/{listing_id}/images/reorder": {"image_orders": [{"image_id": thing, "display_order": 1}]},
        "POST /api/v1/favorites/{listing_id}": {},
    }.get(case.operation.label)  # fmt: skip
    if known is not None:
        given = case.body if isinstance(case.body, dict) else {}
        case.body, case.media_type = {**given, **known, "user_id": 1}, "application/json"
    return case
