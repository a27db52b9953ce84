"""`listings smoke`: does the service at this address really work? Run after each rollout, by people or by a Job.

Makes a category and a storefront of its own in the database, works with them through the service, and removes them and
everything in them, also when a check fails. What an earlier run left behind when it was killed is removed too.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import asyncpg
import grpc
import typer
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.console import Console

from listings.beside_dev import database_beside_dev
from listings.cli.complaints import configuration_or_exit
from listings.cli.dev import DATA_FOLDER, DataFolder
from listings.cli.report import ReportOption, failure, write_report
from listings.client import CallError, ListingsClient
from listings.client.errors import RateLimited
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_Result = TypeVar("_Result")

_SLUG: Final = "listings-smoke-"
# Nobody real: ids of accounts begin at 1 and grow.
_USER: Final = 2_000_000_000
# Longer than any run may take; younger data belongs to a run under way.
_LEFT_BEHIND: Final = "1 hour"
_DEADLINE_SECONDS: Final = 10.0
# Between two tries, where a busy service does not say how long to wait.
_PAUSE_SECONDS: Final = 0.5

_REMOVE: Final = (
    "DELETE FROM listings WHERE category_id = ANY(SELECT id FROM categories WHERE {rows})",
    "DELETE FROM storefronts WHERE {rows}",
    "DELETE FROM categories WHERE {rows}",
)


class SmokeFailed(Exception):
    """A check did not find what it must; `check` names it."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


@dataclass(slots=True)
class Checks:
    """What was checked, with milliseconds, and what could not be."""

    done: dict[str, float] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    async def run(self, name: str, ask: Callable[[], Awaitable[_Result]]) -> _Result:
        """Do one check; whatever it raises becomes a SmokeFailed that names it."""
        began = time.monotonic()
        try:
            result = await asyncio.wait_for(_patiently(ask), _DEADLINE_SECONDS)
        except TimeoutError:
            raise SmokeFailed(name, f"no answer within {_DEADLINE_SECONDS:.0f} s") from None
        except (CallError, grpc.aio.AioRpcError, OSError, asyncpg.PostgresError) as error:
            raise SmokeFailed(name, str(error) or type(error).__name__) from error
        self.done[name] = round((time.monotonic() - began) * 1000, 1)
        return result


def smoke(
    grpc_address: Annotated[str, typer.Option(help="host:port of the gRPC server.")] = "localhost:50053",
    http_address: Annotated[str, typer.Option(help="Address of the HTTP server.")] = "http://localhost:8086",
    token: Annotated[
        str | None,
        typer.Option(envvar="LISTINGS_TOKEN", help="Bearer token, where the service verifies them."),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            help="PEM file of who signed the service's certificate: gRPC speaks TLS, and HTTP where it is https.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    data_folder: DataFolder = DATA_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    report: ReportOption = None,
) -> None:
    """Check a running service: health, reads, and a listing's whole life in a category of its own.

    Needs the service's database settings, for that category; of a running `listings dev` its data folder is enough.
    Where tokens are verified and none is given, writes are left out and said to be.
    """
    configuration = configuration_or_exit()
    private = database_beside_dev(configuration, data_folder)
    dsn = (private or configuration.settings.database).dsn()
    checks = Checks()
    try:
        asyncio.run(_check(checks, dsn, grpc_address, http_address, token, ca))
    except SmokeFailed as error:
        remedy = "Look at the service: its log, and /health/deep."
        document = failure("SmokeFailed", str(error), remedy)
        write_report(report, document)
        if as_json:
            typer.echo(json.dumps(document | {"checks": checks.done}))
        else:
            _show(checks)
            Console(stderr=True, highlight=False).print(f"[red]✗[/] {error}")
        raise typer.Exit(1) from error
    write_report(report, {"ok": True})
    if as_json:
        typer.echo(json.dumps({"ok": True, "checks": checks.done, "skipped": checks.skipped}))
    else:
        _show(checks)


def _show(checks: Checks) -> None:
    console = Console(highlight=False)
    for name, milliseconds in checks.done.items():
        console.print(f"[green]✓[/] {name} [dim]{milliseconds:.0f} ms[/]")
    for name in checks.skipped:
        console.print(f"[yellow]-[/] {name} [dim]left out: needs a token[/]")


async def _check(
    checks: Checks,
    dsn: str,
    grpc_address: str,
    http_address: str,
    token: str | None,
    ca: Path | None = None,
) -> None:
    for path in ("/health/live", "/health/ready"):
        await checks.run(f"HTTP {path}", partial(asyncio.to_thread, _fetch, http_address + path, ca))
    async with (
        _channel(grpc_address, ca) as channel,
        ListingsClient(token=token, user_id=_USER, deadline=_DEADLINE_SECONDS, channel=channel) as client,
    ):
        await checks.run("gRPC health", lambda: _grpc_health(channel))
        await checks.run(
            "list", lambda: client.list_listings(pb.ListListingsRequest(limit=1, status="active"))
        )
        await checks.run(
            "search", lambda: client.search_listings(pb.SearchListingsRequest(query="smoke", limit=1))
        )
        async with _ground(checks, dsn) as (category, storefront):
            await _write(checks, client, category, storefront)


async def _write(checks: Checks, client: ListingsClient, category: int, storefront: int) -> None:
    request = pb.CreateListingRequest(
        user_id=_USER, title="Smoke test", price=1, currency="RSD", category_id=category, quantity=3
    )
    try:
        created = await _patiently(lambda: client.create_listing(request))
    except CallError as error:
        if error.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            checks.skipped += ["create", "update", "favorites", "stock check", "delete"]
            return
        raise SmokeFailed("create", str(error)) from error
    checks.done["create"] = 0.0
    listing = created.listing.id
    await checks.run(
        "update", lambda: client.update_listing(pb.UpdateListingRequest(id=listing, user_id=_USER, price=2))
    )
    read = await checks.run("get", lambda: client.get_listing(pb.GetListingRequest(id=listing)))
    if read.listing.price != 2:
        raise SmokeFailed("get", f"the price is {read.listing.price} after it was set to 2")
    await checks.run(
        "add favorite",
        lambda: client.add_to_favorites(pb.AddToFavoritesRequest(user_id=_USER, listing_id=listing)),
    )
    await checks.run(
        "remove favorite",
        lambda: client.remove_from_favorites(
            pb.RemoveFromFavoritesRequest(user_id=_USER, listing_id=listing)
        ),
    )
    product = await checks.run(
        "create product",
        lambda: client.create_product(
            pb.CreateProductRequest(
                storefront_id=storefront,
                name="Smoke test",
                price=1,
                currency="RSD",
                category_id=category,
                stock_quantity=3,
            )
        ),
    )
    stock = await checks.run(
        "stock check",
        lambda: client.check_stock_availability(
            pb.CheckStockAvailabilityRequest(items=[pb.StockItem(product_id=product.product.id, quantity=3)])
        ),
    )
    if not stock.all_available:
        raise SmokeFailed("stock check", "3 of 3 units are not available")
    await checks.run(
        "delete", lambda: client.delete_listing(pb.DeleteListingRequest(id=listing, user_id=_USER))
    )


async def _patiently(ask: Callable[[], Awaitable[_Result]]) -> _Result:
    """Ask again while the service says that it is busy: real callers load it meanwhile, and that is no defect of it."""
    until = time.monotonic() + _DEADLINE_SECONDS
    while True:
        try:
            return await ask()
        except CallError as error:
            pause = error.retry_after or _PAUSE_SECONDS
            busy = isinstance(error, RateLimited) or error.retry_after is not None
            if not busy or time.monotonic() + pause >= until:
                raise
        await asyncio.sleep(pause)


def _channel(address: str, ca: Path | None) -> grpc.aio.Channel:
    if ca is None:
        return grpc.aio.insecure_channel(address)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca.read_bytes()))


def _fetch(url: str, ca: Path | None) -> None:
    trusted = ssl.create_default_context(cafile=ca) if ca else None
    try:
        with urllib.request.urlopen(url, timeout=_DEADLINE_SECONDS, context=trusted) as answer:  # noqa: S310 - the user's own address
            answer.read()
    except urllib.error.HTTPError as error:
        raise OSError(f"{url} answers {error.code}") from error


async def _grpc_health(channel: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest())
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise OSError(f"the server says {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}")


@asynccontextmanager
async def _ground(checks: Checks, dsn: str) -> AsyncIterator[tuple[int, int]]:
    """A category and a storefront of this run's own, gone afterwards with all that is in them."""
    connection = await checks.run("database", lambda: asyncpg.connect(dsn, timeout=_DEADLINE_SECONDS))
    slug = f"{_SLUG}{secrets.token_hex(6)}"
    try:
        for statement in _REMOVE:
            old = f"slug LIKE '{_SLUG}%' AND created_at < now() - interval '{_LEFT_BEHIND}'"
            await connection.execute(statement.format(rows=old))
        category: int = await connection.fetchval(
            "INSERT INTO categories (name, slug, level, sort_order) VALUES ('Smoke test', $1, 0, 9999) RETURNING id",
            slug,
        )
        storefront: int = await connection.fetchval(
            "INSERT INTO storefronts (user_id, slug, name) VALUES ($1, $2, 'Smoke test') RETURNING id",
            _USER,
            slug,
        )
        try:
            yield category, storefront
        finally:
            for statement in _REMOVE:
                await connection.execute(statement.format(rows="slug = $1"), slug)
    finally:
        await connection.close()
