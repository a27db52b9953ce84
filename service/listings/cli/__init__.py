"""The `listings` command: one module per group of commands."""

from __future__ import annotations

import typer

from listings.cli import dev, serve

app = typer.Typer(
    name="listings",
    help="A marketplace's catalog and stock: serve it, migrate it, look into it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("serve", rich_help_panel="Run")(serve.serve)
app.command("dev", rich_help_panel="Run")(dev.dev)


def main() -> None:
    """Run the command line."""
    app()
