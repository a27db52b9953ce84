"""`listings dev`, which `make run` calls: a served marketplace on a machine that has nothing but Python.

Finds a database (the one configured, else a private PostgreSQL in the data folder), brings its schema up to date,
fills it with demo data once, serves, and says what to try. Everything it makes is in the data folder.
"""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
import uvloop
from pydantic import SecretStr
from rich.console import Console

from listings.beside_dev import private_postgres
from listings.cli import try_next
from listings.cli.complaints import complain, configuration_or_exit
from listings.cli.serve import stop_on_signals
from listings.demo.tokens import demo_secret
from listings.doctor import ports
from listings.domain.errors import Unavailable
from listings.embedded import EmbeddedServerError
from listings.logs import configure_logs
from listings.migrate import MigrationError, migrate_up
from listings.migrate.runner import Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from listings.environment import Configuration
    from listings.migrate.runner import Event, Report
    from listings.settings import Settings

DATA_FOLDER: Final = Path(".data")
# For commands beside it.
DataFolder = Annotated[
    Path, typer.Option(envvar="LISTINGS_DATA_FOLDER", help="The folder `listings dev` uses.")
]


def dev(
    data_folder: Annotated[
        Path, typer.Option(envvar="LISTINGS_DATA_FOLDER", help="Where database and secret are kept.")
    ] = DATA_FOLDER,
    grpc_port: Annotated[int | None, typer.Option(help="gRPC port.", show_default="50053")] = None,
    http_port: Annotated[int | None, typer.Option(help="HTTP port.", show_default="8086")] = None,
    demo: Annotated[bool, typer.Option(help="Fill an empty catalog with demo data.")] = True,
) -> None:
    """Serve on this machine with demo data; starts a private PostgreSQL unless a database is configured.

    A database in LISTINGS_DATABASE_URL (or LISTINGS_DB_HOST ...) is used as it is: migrated, and filled only when
    its catalog is empty. Everything else stays in the data folder and survives a restart.
    """
    console = Console(highlight=False)
    configuration = configuration_or_exit()
    try:
        settings = _for_this_machine(configuration, data_folder, grpc_port, http_port)
    except OSError as error:
        raise _unusable(data_folder, error) from None
    configure_logs(settings.log)
    for host, port, variable, option in (
        (settings.server.grpc_host, settings.server.grpc_port, "LISTINGS_GRPC_PORT", "--grpc-port"),
        (settings.server.http_host, settings.server.http_port, "LISTINGS_HTTP_PORT", "--http-port"),
    ):
        _refuse_taken(host, port, variable, option)
    try:
        uvloop.run(_run(console, configuration, settings, data_folder.absolute(), demo=demo))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except EmbeddedServerError as error:
        raise complain("PostgreSQL did not start", str(error)) from None
    except OSError as error:
        if error.filename is None or not Path(error.filename).is_relative_to(data_folder.absolute()):
            raise
        raise _unusable(data_folder, error) from None
    except MigrationError as error:
        raise complain(error.message, error.remedy) from None
    except Unavailable as error:
        raise complain("The database does not answer", f"{error}. Look closer: listings doctor") from None


async def _run(
    console: Console, configuration: Configuration, settings: Settings, folder: Path, *, demo: bool
) -> None:
    from listings.app import open_app  # noqa: PLC0415 - a second that the other commands need not wait

    for warning in configuration.warnings:
        console.print(f"[yellow]![/] {warning}")
    async with AsyncExitStack() as stack:
        if not configuration.names_database:
            dsn = await stack.enter_async_context(_private_postgres(console, folder))
            database = settings.database.model_copy(update={"url": SecretStr(dsn)})
            settings = settings.model_copy(update={"database": database})
        else:
            console.print(f"[green]✓[/] database of {configuration.sources_of('database')}")
        await _migrate(console, settings.database.dsn())
        if demo:
            await _load_demo(console, settings.database.dsn())
        stop = stop_on_signals()
        with console.status("starting the service"):
            app = await stack.enter_async_context(open_app(settings))
        try_next.show(console, settings, folder, grpc_port=app.grpc_port, http_port=app.http_port)
        await stop.wait()
        console.print("finishing calls in flight and stopping ...")
    console.print("[green]✓[/] stopped; the data stays for the next start")


@asynccontextmanager
async def _private_postgres(console: Console, folder: Path) -> AsyncIterator[str]:
    started = time.perf_counter()
    server = private_postgres(folder)
    first = not (server.folder / "pgdata").exists()
    with console.status("creating a PostgreSQL database" if first else "starting PostgreSQL"):
        await server.__aenter__()
    console.print(
        f"[green]✓[/] PostgreSQL in {_short(server.folder)} {'created' if first else 'started'} {_took(started)}"
    )
    try:
        yield server.dsn()
    finally:
        await server.__aexit__(None, None, None)


async def _migrate(console: Console, dsn: str) -> None:
    started = time.perf_counter()
    with console.status("migrating") as status:

        def told(event: Event) -> None:
            if event.kind in ("start", "waiting"):
                status.update(f"migrating {event.version or ''} {event.detail}")

        report = await migrate_up(dsn, options=Options(observe=told))
    console.print(f"[green]✓[/] schema at version {report.after}: {_applied(report)} {_took(started)}")


def _applied(report: Report) -> str:
    """Which migrations ran. By number: versions begin at 20, so that their count looks wrong beside the last one."""
    if not report.steps:
        return "nothing to migrate"
    first, last = report.steps[0].version, report.steps[-1].version
    return f"migration {last} applied" if first == last else f"migrations {first} to {last} applied"


async def _load_demo(console: Console, dsn: str) -> None:
    from listings.demo.load import load_demo  # noqa: PLC0415 - its texts are read only when they are wanted

    started = time.perf_counter()
    with console.status("loading demo data"):
        loaded = await load_demo(dsn)
    if loaded is None:
        console.print("[green]✓[/] the catalog has rows already: no demo data loaded")
    else:
        console.print(f"[green]✓[/] demo data: {loaded} {_took(started)}")


def _for_this_machine(
    configuration: Configuration, folder: Path, grpc_port: int | None, http_port: int | None
) -> Settings:
    """The configured settings with what suits a laptop where nothing was said: local, readable, with tokens."""
    settings = configuration.settings
    server: dict[str, object] = {}
    for name in ("grpc_host", "http_host"):
        if not configuration.given("server", name):
            server[name] = "127.0.0.1"  # demo data and a demo key are nobody else's business
    if not configuration.given("server", "drain_delay_seconds"):
        server["drain_delay_seconds"] = 0.0  # no balancer has to notice
    if grpc_port is not None:
        server["grpc_port"] = grpc_port
    if http_port is not None:
        server["http_port"] = http_port
    changed: dict[str, object] = {"server": settings.server.model_copy(update=server)}
    if not configuration.given("log", "format"):
        changed["log"] = settings.log.model_copy(update={"format": "console"})
    if not configuration.given("log", "level"):
        changed["log"] = changed.get("log", settings.log).model_copy(update={"level": "warning"})  # type: ignore[attr-defined] # always LogSettings
    if not (configuration.given("auth", "enabled", "rest_writes") or _has_key(settings)):
        secret = SecretStr(demo_secret(folder))
        changed["auth"] = settings.auth.model_copy(update={"rest_writes": True, "hs256_secret": secret})
    return settings.model_copy(update=changed)


def _has_key(settings: Settings) -> bool:
    auth = settings.auth
    return bool(auth.public_key_path or auth.jwks_path or auth.hs256_secret)


def _unusable(folder: Path, error: OSError) -> typer.Exit:
    return complain(
        f"The data folder {folder} cannot be used: {error.strerror}",
        "Choose one that you may write to: --data-folder PATH (or LISTINGS_DATA_FOLDER=PATH)",
    )


def _refuse_taken(host: str, port: int, variable: str, option: str) -> None:
    error = ports.why_not(host, port)
    if error is None:
        return
    if ports.is_taken(error):
        raise complain(
            f"Port {port} is taken by {ports.holder_of(port)}",
            f"Stop it, or choose another port: {option} {port + 1000} (or {variable}={port + 1000})",
        )
    raise complain(
        f"Cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}", f"Choose another with {option}"
    )


def _took(started: float) -> str:
    return f"[dim]({time.perf_counter() - started:.1f} s)[/]"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
