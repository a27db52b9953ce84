"""A network that can be slow or cut, between two real parts."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Proxy:
    """Carries TCP from a port of its own to another one.

    `delay_seconds` holds back each piece towards the server; `cut()` ends every connection and accepts no more.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Future[list[None]]] = set()
        self._server: asyncio.Server | None = None
        self._is_cut = False
        self.delay_seconds = 0.0
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server
        self._server.close()
        self.cut()
        await asyncio.gather(*self._carrying)

    def cut(self) -> None:
        self._is_cut = True
        for each in self._writers:
            each.transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, target_writer}
        self._writers |= ends
        both = asyncio.gather(
            self._carry(reader, target_writer, delayed=True),
            self._carry(target_reader, writer, delayed=False),
        )
        self._carrying.add(both)
        try:
            await both
        finally:
            self._carrying.discard(both)
            self._writers -= ends
            for each in ends:
                each.close()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, delayed: bool
    ) -> None:
        """Pieces that follow each other closely are late together, not one after the other."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def arrive() -> None:
            while True:
                due, piece = await under_way.get()
                await asyncio.sleep(max(due - time.monotonic(), 0))
                if not piece:
                    sink.write_eof()
                    return
                sink.write(piece)
                await sink.drain()

        arriving = asyncio.create_task(arrive())
        with suppress(OSError, RuntimeError):  # the other end has gone; uvloop says so by the second
            piece = b"none yet"
            while piece:
                piece = await source.read(65536)
                under_way.put_nowait((time.monotonic() + self.delay_seconds * delayed, piece))
            await arriving
        arriving.cancel()
        await asyncio.gather(arriving, return_exceptions=True)


@asynccontextmanager
async def proxy(port: int) -> AsyncIterator[Proxy]:
    """A proxy to a port of this machine, open while the block lasts."""
    opened = Proxy(port)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()
