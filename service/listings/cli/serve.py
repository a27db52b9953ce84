"""`listings serve`: the service in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal

import uvloop

from listings.app import open_app
from listings.environment import settings_from_environment
from listings.logs import configure_logs
from listings.settings import Settings  # noqa: TC001 - typer-free, but read by people


def serve() -> None:
    """Serve gRPC, REST, health and metrics until SIGTERM; settings come from LISTINGS_* variables."""
    settings = settings_from_environment()
    configure_logs(settings.log)
    uvloop.run(run(settings))


async def run(settings: Settings) -> None:
    """Serve until a signal asks to stop; a second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _ask_to_stop, stop, loop)
    async with open_app(settings):
        await stop.wait()


def _ask_to_stop(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    stop.set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
