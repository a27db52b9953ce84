"""`listings ledger`: is every unit accounted for, and where did this one go.

`verify` proves that the movements of every product and variant add up to its stock, and with --repair
makes them; `show` tells the history of an order or a product. Both read the database directly, so they
work while the service runs and when it does not.

Exit codes: 0 it adds up; 1 it does not; 2 usage; 6 database unreachable.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from listings.cli.complaints import complain, configuration_or_exit
from listings.db.connections import Connections
from listings.db.inventory import InventoryRows
from listings.domain.errors import ListingsError
from listings.domain.inventory import LedgerFilter
from listings.metrics import Metrics
from listings.settings import DatabaseSettings
from listings.usecases.inventory import Ledger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from listings.domain.inventory import Drift, LedgerEntry, LedgerPage

T = TypeVar("T")

DRIFTS: Final = 1
UNREACHABLE: Final = 6
_PIPE_WIDTH: Final = 140

app = typer.Typer(
    name="ledger",
    help="Prove the inventory ledger, and look into it.",
    epilog="Exit codes: 0 it adds up; 1 it does not; 2 usage; 6 database unreachable.",
    no_args_is_help=True,
)

Dsn = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="postgresql://... Default: LISTINGS_DATABASE_URL or its parts.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Repair = Annotated[
    bool, typer.Option("--repair", help="Write a repair movement for each item that does not add up.")
]
Most = Annotated[int, typer.Option("--most", min=1, max=100_000, help="At most so many rows.")]
What = Annotated[
    str, typer.Argument(metavar="ORDER|PRODUCT", help="An order id, or the number of a product.")
]
IsOrder = Annotated[
    bool, typer.Option("--order", help="ORDER|PRODUCT is an order id, even if it is a number.")
]
IsProduct = Annotated[bool, typer.Option("--product", help="ORDER|PRODUCT is the number of a product.")]


@app.command()
def verify(
    repair: Repair = False, most: Most = 1000, database_url: Dsn = None, as_json: AsJson = False
) -> None:
    """Compare every product's and variant's stock with the sum of its movements."""

    async def work(ledger: Ledger) -> tuple[list[Drift], list[Drift], bool]:
        found = await ledger.drift(most=most)
        if not repair:
            return found, [], bool(found)
        repaired = await ledger.repair(found)
        return found, repaired, bool(await ledger.drift(most=1))  # beyond `most`, or new

    found, repaired, remains = _with_ledger(database_url, work)
    if as_json:
        typer.echo(json.dumps({"drift": _plain(found), "repaired": _plain(repaired)}))
    else:
        _print_drift(found, repaired, repair=repair, most=most)
        if repair and remains:
            _console().print(Text("✗ ", style="red") + Text("Not everything adds up yet: run it again."))
    if remains:
        raise typer.Exit(DRIFTS)


@app.command()
def show(
    what: What,
    is_order: IsOrder = False,
    is_product: IsProduct = False,
    most: Most = 100,
    database_url: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Tell what happened to an order or a product, oldest first. A plain number is taken for a product."""
    by_product = is_product or (what.isdigit() and not is_order)
    if by_product and not (what.isdigit() and 0 < int(what) < 2**63):
        raise complain(
            f"{what!r} is not the number of a product", "Without --product it is an order id.", code=2
        )
    wanted = LedgerFilter(product_id=int(what)) if by_product else LedgerFilter(order_id=what)
    page: LedgerPage = _with_ledger(database_url, lambda ledger: ledger.history(wanted, most=most))
    entries = list(reversed(page.entries))
    if as_json:
        typer.echo(json.dumps([_facts(entry) for entry in entries]))
        return
    name = f"product {what}" if by_product else f"order {what}"
    if not entries:
        hint = "" if by_product or not what.isdigit() else " as an order id"
        typer.echo(f"Nothing is known of {name}{hint}.")
        return
    _print_history(name, entries, cut=bool(page.next_page_token))


def _with_ledger(database_url: str | None, work: Callable[[Ledger], Awaitable[T]]) -> T:
    settings = (
        DatabaseSettings.model_validate({"url": database_url})
        if database_url
        else configuration_or_exit().settings.database
    )

    async def run() -> T:
        connections = Connections(settings, Metrics().database)
        try:
            return await work(Ledger(InventoryRows(connections)))
        finally:
            await connections.close()

    try:
        return asyncio.run(run())
    except ListingsError as error:
        raise complain(
            error.message, "Check LISTINGS_DATABASE_URL, or run `listings doctor`.", code=UNREACHABLE
        ) from None


def _plain(drifts: Sequence[Drift]) -> list[dict[str, Any]]:
    return [
        {
            "product_id": drift.product_id,
            "variant_id": drift.variant_id,
            "on_hand": drift.on_hand,
            "ledger_sum": int(drift.ledger_sum),
            "difference": int(drift.difference),
        }
        for drift in drifts
    ]


def _print_drift(found: Sequence[Drift], repaired: Sequence[Drift], *, repair: bool, most: int) -> None:
    console = _console()
    if not found:
        console.print(Text("✓ ", style="green") + Text("Every item's movements add up to its stock."))
        return
    table = Table("product", "variant", "on hand", "sum of movements", "difference")
    for drift in found:
        table.add_row(
            str(drift.product_id),
            str(drift.variant_id or ""),
            str(drift.on_hand),
            str(drift.ledger_sum),
            f"{drift.difference:+d}",
        )
    console.print(table)
    if len(found) == most:
        console.print(f"These are the first {most}; there may be more (--most).")
    if repair:
        console.print(Text("✓ ", style="green") + Text(f"{len(repaired)} repair movements written."))
    else:
        console.print(
            Text("✗ ", style="red")
            + Text("Stock was changed without a movement. `--repair` writes what is missing; stock stays.")
        )


def _print_history(name: str, entries: Sequence[LedgerEntry], *, cut: bool) -> None:
    console = _console()
    table = Table(title=name)
    for heading in ("when (UTC)", "item", "what", "change", "stock"):
        table.add_column(heading, no_wrap=True)
    for heading in ("why", "order", "by"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        table.add_row(
            entry.created_at.strftime("%Y-%m-%d %H:%M:%S"),
            f"{entry.product_id}/{entry.variant_id}" if entry.variant_id else str(entry.product_id),
            entry.movement_type,
            "" if entry.delta is None else f"{entry.delta:+d}",
            "" if entry.stock_after is None else f"{entry.stock_before} → {entry.stock_after}",
            Text(entry.reason or ""),
            Text(entry.order_id or ""),
            str(entry.user_id or ""),
        )
    console.print(table)
    if cut:
        console.print(f"These are the last {len(entries)}; --most shows more.")


def _console() -> Console:
    """As wide as the terminal; wide enough for a row where there is none, such as in a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def _facts(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "created_at": entry.created_at.isoformat(),
        "product_id": entry.product_id,
        "variant_id": entry.variant_id,
        "movement_type": entry.movement_type,
        "quantity": entry.quantity,
        "delta": entry.delta,
        "stock_before": entry.stock_before,
        "stock_after": entry.stock_after,
        "reason": entry.reason,
        "notes": entry.notes,
        "order_id": entry.order_id,
        "idempotency_key": entry.idempotency_key,
        "user_id": entry.user_id,
        "metadata": dict(entry.metadata),
    }
