"""`listings demo`: the demo catalog and tokens for trying the service out."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import asyncpg
import typer

from listings.cli.complaints import complain, configuration_or_exit
from listings.cli.dev import DATA_FOLDER, DataFolder
from listings.cli.report import ReportOption, failure, write_report
from listings.demo.load import load_demo
from listings.demo.tokens import DEMO_USER, SECRET_FILE, demo_secret, demo_token

app = typer.Typer(no_args_is_help=True, help="Demo data, and tokens to try the service with.")


@app.command()
def load(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    report: ReportOption = None,
) -> None:
    """Fill the configured database with the demo catalog, if its catalog is empty.

    `listings dev` does this by itself. The schema must be there: `listings migrate up`.
    """
    configuration = configuration_or_exit()
    try:
        loaded = asyncio.run(load_demo(configuration.settings.database.dsn()))
    except asyncpg.UndefinedTableError as error:
        write_report(report, failure("SchemaMissing", str(error), "listings migrate up"))
        raise complain(f"The schema is missing: {error}", "listings migrate up") from None
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        write_report(
            report, failure("LoginRefused", str(error), "Correct role, password and database's name.")
        )
        raise complain(f"The database refuses the login: {error}", "Look closer: listings doctor") from None
    except (OSError, asyncpg.PostgresError) as error:
        write_report(report, failure("Unreachable", str(error), "Look closer: listings doctor"))
        raise complain(f"The database does not answer: {error}", "Look closer: listings doctor") from None
    write_report(report, {"ok": True})
    if as_json:
        typer.echo(json.dumps({"ok": True, "loaded": str(loaded) if loaded is not None else None}))
        return
    typer.echo(
        "The catalog has rows already; nothing was changed." if loaded is None else f"Loaded {loaded}."
    )


@app.command()
def token(
    user: Annotated[int, typer.Option(help="User id the token is for.", min=1)] = DEMO_USER,
    admin: Annotated[bool, typer.Option("--admin", help="With the admin role.")] = False,
    days: Annotated[float, typer.Option(help="How long it is valid.", min=0)] = 30,
    data_folder: DataFolder = DATA_FOLDER,
) -> None:
    """Print a token for the service that `listings dev` runs (or for LISTINGS_AUTH_HS256_SECRET, where it is set)."""
    configured = configuration_or_exit().settings.auth.hs256_secret
    if configured is None and not (data_folder / SECRET_FILE).exists():
        raise complain(
            f"There is no key in {data_folder}", "Start the service once: listings dev (or make run)"
        )
    secret = configured.get_secret_value() if configured else demo_secret(data_folder)
    typer.echo(demo_token(secret, user, roles=["admin"] if admin else [], days=days))
