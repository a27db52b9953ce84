"""`listings config`: the settings as the service would see them, and where each value comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit, urlunsplit

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from rich.text import Text

from listings.cli.complaints import configuration_or_exit
from listings.cli.tables import print_table
from listings.environment import KEYS, OLD_PREFIX, PREFIX, group_fields

if TYPE_CHECKING:
    from listings.environment import Configuration

MASK: Final = "********"


def config(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the defaults.")] = False,
) -> None:
    """Show the effective configuration: every setting, its value and its source. Secrets are masked.

    Exit code 2 when a variable holds a value that cannot be used; each is named with an example.
    """
    configuration = configuration_or_exit()
    rows = [row for row in describe(configuration) if not changed or row["source"] != "default"]
    if as_json:
        typer.echo(
            json.dumps({"settings": rows, "warnings": configuration.warnings}, indent=2, ensure_ascii=False)
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Variable", no_wrap=True)  # names are there to be copied
    table.add_column("Value", overflow="fold")
    table.add_column("Source", no_wrap=True)
    for row in rows:
        given = row["source"] != "default"
        value = (
            row["value"] if isinstance(row["value"], str) else json.dumps(row["value"], ensure_ascii=False)
        )
        table.add_row(
            Text(row["variable"], style="bold" if given else ""),
            Text("" if value == "null" else value),
            Text(row["source"], style="green" if given else "dim"),
        )
    print_table(table)
    console = Console(highlight=False, soft_wrap=True)
    for warning in configuration.warnings:
        console.print(Text("! ", style="yellow") + Text(warning))


def describe(configuration: Configuration) -> list[dict[str, Any]]:
    """One row per setting: variable, value (secrets masked), source, description."""
    rows = []
    for key, place in sorted(KEYS.items(), key=lambda item: (item[1][0], item[0])):
        group, name = place
        owner = getattr(configuration.settings, group) if group else configuration.settings
        variable = configuration.sources.get(place)
        rows.append(
            {
                "variable": PREFIX + key,
                "value": _shown(getattr(owner, name)),
                "source": _source(variable),
                "description": group_fields(group)[name].description,
            }
        )
    return rows


def _source(variable: str | None) -> str:
    if variable is None:
        return "default"
    return f"old key {variable}" if variable.startswith(OLD_PREFIX) else "environment"


def _shown(value: object) -> Any:
    if isinstance(value, SecretStr):
        return _masked(value.get_secret_value())
    return value if isinstance(value, bool | int | float | list | dict) or value is None else str(value)


def _masked(secret: str) -> str:
    """Nothing of a password; of an address everything but its password, because that is what people look for."""
    if "://" not in secret:
        return MASK if secret else ""
    parts = urlsplit(secret)
    login, at, place = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    query = MASK if "password" in parts.query else parts.query
    netloc = f"{user}{colon}{MASK if colon else ''}{at}{place}"
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))
