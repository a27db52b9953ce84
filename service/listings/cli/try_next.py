"""What `listings dev` prints when it serves: where, what runs in process, and lines to paste."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.rule import Rule
from rich.text import Text

from listings.demo.tokens import DEMO_USER, demo_token

if TYPE_CHECKING:
    from rich.console import Console

    from listings.settings import Settings


def show(console: Console, settings: Settings, folder: Path, *, grpc_port: int, http_port: int) -> None:
    """Print it, with the ports that are really listened on.

    No frame around the lines to paste, and no wrapping: both would end up in the shell.
    """
    web = f"http://{_here(settings.server.http_host)}:{http_port}"
    grpc = f"{_here(settings.server.grpc_host)}:{grpc_port}"
    command = _command(grpc)
    console.print(Rule("Listings is running", style="green"))
    console.print(f"REST   {web}/api/v1     documentation: {web}/docs", soft_wrap=True)
    console.print(f"gRPC   {grpc}  with reflection     metrics: {web}/metrics", soft_wrap=True)
    if settings.redis.address() is None:
        console.print(
            "[dim]No Redis is configured: rate limits are counted in this process, and the answers it keeps "
            "are dropped by PostgreSQL's LISTEN/NOTIFY.[/]",
        )
    _lines(
        console,
        "The 18 categories in Russian, five listings with their images, a search:",
        f"curl -s '{web}/api/v1/categories?lang=ru'",
        f"curl -s '{web}/api/v1/listings?limit=5'",
        f"curl -s -G '{web}/api/v1/listings/search' -d limit=3 --data-urlencode 'q=велосипед'",
    )
    if settings.auth.rest_writes and settings.auth.hs256_secret is not None and not settings.auth.enabled:
        token = demo_token(settings.auth.hs256_secret.get_secret_value())
        _lines(
            console,
            f"As demo user {DEMO_USER}, a favorite: added (201), listed, removed (204):",
            f"TOKEN={token}",
            f'curl -si -X POST {web}/api/v1/favorites/1 -H "Authorization: Bearer $TOKEN"',
            f'curl -s {web}/api/v1/favorites -H "Authorization: Bearer $TOKEN"',
            f'curl -si -X DELETE {web}/api/v1/favorites/1 -H "Authorization: Bearer $TOKEN"',
        )
    _lines(
        console,
        "The same over gRPC:",
        f"{command} GetListing '{{\"id\": 1}}'",
        f'{command} SearchListings \'{{"query": "bicikl", "limit": 3}}\'',
        f"{command} --list",
    )
    console.print(Rule(f"Ctrl-C stops it; the data stays in {_short(folder)}", style="green"))


def _lines(console: Console, title: str, *lines: str) -> None:
    console.print()
    console.print(Text(title, style="bold"))
    for line in lines:
        console.print(Text(line, style="cyan"), soft_wrap=True)
    console.file.flush()


def _command(address: str) -> str:
    """This very `listings`, as a shell in this folder finds it."""
    program = Path(sys.argv[0]).absolute()
    shown = shlex.quote(_short(program)) if program.name == "listings" else f"{sys.executable} -m listings"
    return f"{shown} call" + ("" if address.endswith(":50053") else f" --address {address}")


def _here(host: str) -> str:
    return "localhost" if host in ("0.0.0.0", "::", "127.0.0.1") else host  # noqa: S104 - compared, not bound


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
