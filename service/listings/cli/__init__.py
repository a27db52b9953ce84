"""The `listings` command: one module per group of commands."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from listings import __version__
from listings.cli import (
    about,
    call,
    config,
    demo,
    dev,
    doctor,
    ledger,
    migrate,
    repair,
    serve,
    smoke,
    transfer,
    worker,
)

_RUN: Final = "Run"
_LOOK: Final = "Look into it"
_DATABASE: Final = "Database"

app = typer.Typer(
    name="listings",
    help=(
        "A marketplace's catalog and stock.\n\n"
        "New here? `listings dev` serves a demo marketplace on this machine; it needs no database."
    ),
    epilog="Settings are LISTINGS_* environment variables: `listings config` lists them all.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"listings {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_say_version, help="Show the version and exit."),
    ] = False,
) -> None:
    """Take what stands before the command."""


app.command("dev", rich_help_panel=_RUN)(dev.dev)
app.command("serve", rich_help_panel=_RUN)(serve.serve)
app.command("worker", hidden=True)(worker.worker)
app.command("healthcheck", rich_help_panel=_RUN)(about.healthcheck)
app.command("call", rich_help_panel=_LOOK)(call.call)
app.command("doctor", rich_help_panel=_LOOK)(doctor.doctor)
app.command("smoke", rich_help_panel=_LOOK)(smoke.smoke)
app.command("config", rich_help_panel=_LOOK)(config.config)
app.command("version", rich_help_panel=_LOOK)(about.version)
app.add_typer(migrate.app, name="migrate", rich_help_panel=_DATABASE)
app.add_typer(repair.app, name="repair", rich_help_panel=_DATABASE)
app.add_typer(ledger.app, name="ledger", rich_help_panel=_DATABASE)
app.add_typer(demo.app, name="demo", rich_help_panel=_DATABASE)
app.command("import", rich_help_panel=_DATABASE)(transfer.import_)
app.command("export", rich_help_panel=_DATABASE)(transfer.export)


def main() -> None:
    """Run the command line."""
    app()
