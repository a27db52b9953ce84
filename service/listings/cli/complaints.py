"""How commands say that something is wrong: what, then what to do, on standard error, without a traceback."""

from __future__ import annotations

from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from listings.environment import Configuration, ConfigurationError, read_environment

WRONG_CONFIGURATION: Final = 2


def complain(what: str, remedy: str = "", *, code: int = 1) -> typer.Exit:
    """Print both and return what the caller raises to end the command."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text("✗ ", style="red") + Text(what))
    if remedy:
        console.print(Text(f"  {remedy}"))
    return typer.Exit(code)


def configuration_or_exit() -> Configuration:
    """The configuration of the environment; on bad values every one of them is named and the command ends."""
    try:
        return read_environment()
    except ConfigurationError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(Text("✗ ", style="red") + Text("The configuration has values that cannot be used"))
        for problem in error.problems:
            console.print(Text(f"  {problem.variable} ", style="bold") + Text(problem.what))
            console.print(Text(f"    for example {problem.example}", style="dim"))
        raise typer.Exit(WRONG_CONFIGURATION) from None
