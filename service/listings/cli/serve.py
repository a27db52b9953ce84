"""`listings serve`: the service in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import structlog
import uvloop

from listings.cli.complaints import complain, configuration_or_exit
from listings.domain.errors import Unavailable
from listings.logs import configure_logs
from listings.runtime import collect_seldom, start_uncollected

if TYPE_CHECKING:
    from listings.settings import Settings


def serve() -> None:
    """Serve gRPC, REST, health and metrics until SIGTERM. Exit code 1 when it could not start, or a worker was killed.

    Settings come from LISTINGS_* variables: `listings config` shows them, `listings doctor` checks what they name.
    """
    configuration = configuration_or_exit()
    configure_logs(configuration.settings.log)
    log = structlog.get_logger(__name__)
    for warning in configuration.warnings:
        log.warning("configuration", text=warning)
    try:
        ended_well = uvloop.run(run(configuration.settings))
    except Unavailable as error:
        raise complain(
            f"The database at {configuration.settings.database.place()} does not answer: {error.__cause__ or error}",
            "Check LISTINGS_DATABASE_URL; `listings doctor` looks closer, `listings dev` starts a database of its own.",
        ) from None
    except (RuntimeError, OSError, ValueError) as error:
        raise complain(f"The service could not start: {error}", "Look closer: listings doctor") from error
    if not ended_well:
        raise complain(
            "A worker did not end by itself: calls may have been cut off",
            "Its own log lines may say why; calls that need longer to finish: LISTINGS_DRAIN_SECONDS.",
        )


async def run(settings: Settings) -> bool:
    """Serve until a signal asks to stop; a second signal ends the process at once. False when calls may be cut off."""
    start_uncollected()
    from listings.app import open_app  # noqa: PLC0415 - a second that the other commands need not wait

    stop = stop_on_signals()
    async with open_app(settings) as app:
        collect_seldom()
        await stop.wait()
    return not app.ended_badly


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; from then on both have their usual effect again."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _ask_to_stop, stop, loop)
    return stop


def _ask_to_stop(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    stop.set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
