"""`listings worker`: one of several processes that serve gRPC; only a supervisor starts it."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import structlog
import uvloop

from listings.cli.complaints import complain
from listings.cli.serve import stop_on_signals
from listings.domain.errors import Unavailable
from listings.logs import configure_logs
from listings.runtime import collect_seldom, start_uncollected

if TYPE_CHECKING:
    from listings.settings import Settings
    from listings.workers.channel import Channel

log = structlog.get_logger(__name__)


def worker() -> None:
    """Serve gRPC beside other workers; `listings serve` starts it when LISTINGS_WORKERS is above 1."""
    try:
        channel = socket.socket(fileno=os.dup(0))
    except OSError:
        raise complain(
            "A worker is nothing to start by hand", "Set LISTINGS_WORKERS and run: listings serve"
        ) from None
    uvloop.run(_run(channel))


async def _run(sock: socket.socket) -> None:
    from listings.workers.channel import Channel, receive_settings  # noqa: PLC0415 - as in serve.py

    channel = await Channel.over(sock)
    number, settings = await receive_settings(channel)
    configure_logs(settings.log)
    structlog.contextvars.bind_contextvars(worker=number)
    try:
        await _serve(channel, settings)
    except (Unavailable, RuntimeError, OSError, ValueError) as error:
        log.error("the worker could not start", reason=str(error))  # noqa: TRY400 - the reason says it
        raise SystemExit(1) from None


async def _serve(channel: Channel, settings: Settings) -> None:
    start_uncollected()
    from listings.app import open_app  # noqa: PLC0415 - a second that the other commands need not wait
    from listings.workers.channel import answer  # noqa: PLC0415 - as above

    stop = stop_on_signals()
    async with open_app(settings, as_worker=True) as app:
        collect_seldom()
        answering = asyncio.get_running_loop().create_task(answer(channel, app.metrics.registry.collect))
        answering.add_done_callback(_go)
        await stop.wait()
    answering.remove_done_callback(_go)
    answering.cancel()


def _go(_: asyncio.Task[None]) -> None:
    """End at once when the supervisor is gone: a new one needs the port. What was acknowledged is committed."""
    log.error("the supervisor is gone")
    os._exit(1)
