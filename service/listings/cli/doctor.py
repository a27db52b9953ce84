"""`listings doctor`: what is wrong around the service, why it matters and what mends it."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from listings.cli.dev import DATA_FOLDER, DataFolder
from listings.doctor.findings import Severity

if TYPE_CHECKING:
    from listings.doctor.findings import Report

_SIGNS: Final = {
    Severity.ERROR: ("✗", "red"),
    Severity.WARNING: ("!", "yellow"),
    Severity.INFO: ("i", "blue"),
}


def doctor(
    production: Annotated[
        bool, typer.Option("--production", help="Also look for what must not go live.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    data_folder: DataFolder = DATA_FOLDER,
) -> None:
    """Find what is wrong with database, schema, Redis, ports, keys and settings, and say the fix.

    Where no database is configured and `listings dev` runs one in its data folder, that one is looked at. Changes
    nothing. Exit codes: 0 nothing wrong; 1 warnings; 2 something that keeps the service from working.
    """
    from listings.doctor.examination import examine  # noqa: PLC0415 - a second that the other commands need not wait

    report = asyncio.run(examine(os.environ, production=production, data_folder=data_folder))
    if as_json:
        findings = [{**asdict(each), "severity": each.severity.name.lower()} for each in report.findings]
        typer.echo(json.dumps({"findings": findings, "fine": report.fine}, indent=2, ensure_ascii=False))
    else:
        _show(report)
    raise typer.Exit(int(report.worst))


def _show(report: Report) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for fact in report.fine:
        console.print(Text("✓ ", style="green") + Text(fact))
    for finding in report.findings:
        sign, colour = _SIGNS[finding.severity]
        console.print(
            Text(f"{sign} ", style=colour)
            + Text(finding.what, style="bold")
            + Text(f"  {finding.code}", style="dim")
        )
        console.print(Text(f"    {finding.why}"))
        console.print(Text("    → ", style=colour) + Text(finding.fix))
    worst = {
        Severity.ERROR: "[red]The service would not work like this.[/]",
        Severity.WARNING: "[yellow]It works; see the warnings.[/]",
    }
    console.print(worst.get(report.worst, "[green]Nothing is wrong.[/]"))
