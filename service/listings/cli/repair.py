"""`listings repair`: data that a rule of the schema refuses, and that only people can decide on.

Exit codes: 0 nothing to repair, or repaired; 1 something to repair was found; those of `listings migrate` otherwise.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from listings.cli.complaints import complain, configuration_or_exit
from listings.cli.tables import print_table
from listings.migrate import skus
from listings.migrate.errors import ExitCode, MigrationError

app = typer.Typer(
    name="repair",
    help="Mend data that a rule of the schema refuses.",
    epilog="Exit codes: 0 nothing to do, or done; 1 something was found; 4 a table stayed locked; 6 database unreachable.",
    no_args_is_help=True,
)


@app.callback()
def repairs() -> None:
    """Keep `repair` a group although it has one command so far."""


@app.command(name="skus")
def repair_skus(
    yes: Annotated[bool, typer.Option("--yes", help="Write the new SKUs shown.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Leave the others without a SKU.")] = False,
    database_url: Annotated[
        str | None,
        typer.Option(
            "--database-url",
            help="postgresql://... Default: LISTINGS_DATABASE_URL or its parts.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show products of one storefront that share a SKU, and with --yes give all but one of them another.

    `listings migrate up` refuses such rows. The product that keeps the SKU is the oldest active one; another gets
    the SKU with its own number behind it. Works before and after the migration, and while the service runs.
    """
    dsn = database_url or configuration_or_exit().settings.database.dsn()
    try:
        found = asyncio.run(skus.repair(dsn, clear=clear) if yes else skus.find(dsn, clear=clear))
    except MigrationError as error:
        raise complain(error.message, error.remedy, code=error.exit_code) from None
    if as_json:
        typer.echo(json.dumps({"repaired": yes, "products": [asdict(each) for each in found]}, indent=2))
    else:
        _show(found, done=yes)
    if found and not yes:
        raise typer.Exit(ExitCode.FINDINGS)


def _show(found: list[skus.Repair], *, done: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not found:
        console.print(Text("✓ ", style="green") + Text("No two products of a storefront share a SKU."))
        return
    table = Table(
        "storefront", "sku", "product", "title", "status", "stock", "new sku", box=None, pad_edge=False
    )
    for each in found:
        new_sku = (each.new_sku or "none") if each.changes else "keeps it"
        cells = (each.storefront_id, each.sku, each.product_id, each.title, each.status, each.stock, new_sku)
        table.add_row(*(Text(str(cell)) for cell in cells))
    print_table(table)
    changed = sum(each.changes for each in found)
    if done:
        console.print(Text("✓ ", style="green") + Text(f"{changed} products have another SKU now."))
    else:
        console.print(
            Text("✗ ", style="red")
            + Text(f"{changed} products need another SKU: `listings repair skus --yes` writes the new ones.")
        )
