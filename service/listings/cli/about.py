"""`listings version` and `listings healthcheck`."""

from __future__ import annotations

import http.client
import json
import platform
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from listings import __version__
from listings.cli.complaints import complain, configuration_or_exit
from listings.migrate.files import load


def version(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Print the versions of the service, its schema and what it stands on."""
    versions = {
        "listings": __version__,
        "schema": str(load().latest),
        "python": platform.python_version(),
        **{name: version_of(name) for name in ("grpcio", "asyncpg", "protobuf")},
    }
    if as_json:
        typer.echo(json.dumps(versions))
    else:
        typer.echo("\n".join(f"{name:9} {number}" for name, number in versions.items()))


def healthcheck(
    path: Annotated[
        str, typer.Option(help="/health/live, or /health/ready to ask for the database too.")
    ] = "/health/live",
    timeout: Annotated[float, typer.Option(help="Seconds to wait.", min=0.1)] = 3.0,
) -> None:
    """Ask the service on this machine whether it lives; exit code 1 when it does not. For containers."""
    server = configuration_or_exit().settings.server
    host = "127.0.0.1" if server.http_host in ("0.0.0.0", "::", "") else server.http_host  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(host, server.http_port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise complain(f"No answer from {host}:{server.http_port}: {error}") from None
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise complain(f"{path} answered {answer.status}: {body}")
    typer.echo(body)
