"""`listings import` and `listings export`: products of a storefront from and to files."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import IO, TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from listings.cli.complaints import complain, configuration_or_exit
from listings.domain.errors import InvalidArgument, ListingsError, Unavailable
from listings.domain.products import StorefrontNotFound
from listings.transfer.exporting import encoder
from listings.transfer.importing import import_products
from listings.transfer.opening import open_catalog
from listings.transfer.records import Format, records_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from listings.settings import Settings
    from listings.transfer.importing import Rejected

Storefront = Annotated[int, typer.Option("--storefront", "-s", min=1, help="Id of the storefront.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", "-f", help="Default: what the file's name ends in.")
]


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    storefront: Storefront,
    form: FormatOption = None,
    errors: Annotated[
        Path | None, typer.Option(help="Where rejected lines are told. Default: FILE.errors.ndjson.")
    ] = None,
) -> None:
    """Create the products of an NDJSON or CSV file.

    Good records land, bad ones are told by line in the errors file and make the command end with 1.

    Interrupted? Run the same command again: what is stored already is passed over. A record that stands in
    the file twice is one product.
    """
    settings = configuration_or_exit().settings
    told = errors or file.with_name(f"{file.name}.errors.ndjson")
    if told.exists() and told.samefile(file):
        raise complain(
            "Rejected lines would take the place of the file itself", "Name another file with --errors."
        )
    console = Console(stderr=True)
    tally = _Tally(told)
    try:
        with tally, file.open("rb") as source:
            _run(_import(settings, source, storefront, form or _format_of(file), tally, console))
    except KeyboardInterrupt:
        raise complain(f"Interrupted: {tally}", "Run the same command again to go on.", code=130) from None
    except OSError as error:
        raise complain(f"{error}: {tally}", "Mend that and run the same command again to go on.") from None
    console.print(str(tally))
    if tally.rejected:
        raise complain(f"{tally.rejected} records were rejected", f"Why, by line: {told}")


def export(
    storefront: Storefront,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: standard output.")] = None,
    form: FormatOption = None,
) -> None:
    """Write the undeleted products of a storefront as NDJSON or CSV, as `listings import` reads them.

    All of them as they are at one moment, ids ascending; without their variants.
    """
    settings = configuration_or_exit().settings
    wanted = form or (_format_of(output) if output else Format.NDJSON)
    try:
        if output is None:
            _run(_export(settings, sys.stdout.buffer, storefront, wanted))
            return
        count = _export_whole(settings, output, storefront, wanted)
    except OSError as error:
        raise complain(f"The products cannot be written: {error}", "Choose another --output.") from None
    Console(stderr=True).print(f"{count} products in {output}")


def _export_whole(settings: Settings, output: Path, storefront: int, form: Format) -> int:
    """Write the whole file or leave what was there, and nothing beside it."""
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            count = _run(_export(settings, file, storefront, form))
        part.replace(output)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return int(count)


class _Tally:
    """What an import came to, and the file that tells what was rejected; no rejection, no file."""

    def __init__(self, told: Path) -> None:
        self.created = self.present = self.rejected = 0
        self._told = told
        self._open = ExitStack()
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        self._told.unlink(missing_ok=True)  # of an earlier run
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def reject(self, rejected: Rejected) -> None:
        if self._file is None:
            self._file = self._open.enter_context(self._told.open("w", encoding="utf-8"))
        self.rejected += 1
        told = {"line": rejected.line, "code": rejected.code, "message": rejected.message}
        self._file.write(json.dumps(told, ensure_ascii=False) + "\n")

    def __str__(self) -> str:
        return f"{self.created} created, {self.present} there already, {self.rejected} rejected"


async def _import(
    settings: Settings, source: IO[bytes], storefront: int, form: Format, tally: _Tally, console: Console
) -> None:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    async with open_catalog(settings) as catalog:
        with Progress(*columns, console=console) as progress:
            size = os.fstat(source.fileno()).st_size
            task = progress.add_task("importing", total=size)
            async for batch in import_products(catalog.bulk, storefront, records_of(source, form)):
                tally.created += batch.created
                tally.present += batch.present
                for rejected in batch.rejected:
                    tally.reject(rejected)
                progress.update(task, advance=batch.bytes_read, description=str(tally))
            progress.update(task, completed=size)


async def _export(settings: Settings, file: IO[bytes], storefront: int, form: Format) -> int:
    head, encode = encoder(form)
    count = 0
    async with open_catalog(settings) as catalog:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        total = await catalog.rows.count_of(storefront)
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("exporting", total=total)
            file.write(head)
            async for products in catalog.rows.all_of(storefront):
                file.write(encode(products))
                count += len(products)
                progress.update(task, completed=count)
    return count


def _format_of(file: Path) -> Format:
    return Format.CSV if file.suffix.lower() == ".csv" else Format.NDJSON


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return asyncio.run(work)
    except StorefrontNotFound:
        raise complain("There is no such storefront", "Ids of storefronts: ListStorefronts") from None
    except InvalidArgument as error:
        raise complain(f"The file cannot be read: {error}") from None
    except Unavailable as error:
        raise complain("The database does not answer", f"{error}. Look closer: listings doctor") from None
    except ListingsError as error:
        raise complain(f"The work was given up: {error}", "Run the same command again to go on.") from None
