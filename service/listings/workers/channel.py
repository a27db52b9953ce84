"""What supervisor and worker say to each other, over a pair of sockets that nobody else can reach.

The supervisor writes the settings, then one line per question (for metrics, or whether anybody is there); the
worker writes a line when it serves, then one per answer. Lines are JSON. The channel's end is the other side's
end: a worker without a supervisor goes at once.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from listings.settings import Settings
from listings.workers.merging import told, understood

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from prometheus_client.core import Metric

_METRICS: Final = "metrics"
_SIGN_OF_LIFE: Final = "alive"
# A page of metrics is some hundred kilobytes.
_LONGEST_LINE_BYTES: Final = 64 * 1024 * 1024


class ChannelClosed(ConnectionError):
    """The other side is gone."""


class Channel:
    """One side of the pair; used by one task at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> Channel:
        """Take over one socket of the pair."""
        return cls(*await asyncio.open_connection(sock=sock, limit=_LONGEST_LINE_BYTES))

    async def write(self, value: Any) -> None:
        """Send one value; raises ConnectionError when the other side is gone."""
        self._writer.write(json.dumps(value, default=_plain).encode() + b"\n")
        await self._writer.drain()

    async def read(self) -> Any:
        """The next value; raises ChannelClosed when there is none any more."""
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise ChannelClosed("the other side has closed the channel")
        return json.loads(line)

    def close(self) -> None:
        """Let the other side know that this one is gone."""
        self._writer.close()


async def send_settings(channel: Channel, number: int, settings: Settings) -> None:
    """Tell a new worker which one it is and what to serve with; secrets too, which the environment may not hold."""
    await channel.write({"number": number, "settings": settings.model_dump()})


async def receive_settings(channel: Channel) -> tuple[int, Settings]:
    """What `send_settings` told."""
    said = await channel.read()
    return said["number"], Settings.model_validate(said["settings"])


async def answer(channel: Channel, collect: Callable[[], Iterable[Metric]]) -> None:
    """Say that this worker serves, then answer every question until the supervisor is gone."""
    await channel.write("serving")
    while True:
        try:
            question = await channel.read()
            if question == _METRICS:
                # In a thread, as scrapes are: calls in flight should not wait for thousands of series.
                await channel.write(await asyncio.to_thread(lambda: told(collect())))
            else:
                await channel.write(question)
        except ConnectionError:
            return


async def ask(channel: Channel) -> list[Metric]:
    """A worker's metrics; raises ConnectionError when it is gone."""
    await channel.write(_METRICS)
    return understood(await channel.read())


async def greet(channel: Channel) -> None:
    """Return when the worker has answered from its event loop; raises ConnectionError when it is gone."""
    await channel.write(_SIGN_OF_LIFE)
    await channel.read()


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"settings hold a {type(value).__name__}, which the channel cannot carry")
