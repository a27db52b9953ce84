"""A network that can be slow or cut, between two real parts."""

from __future__ import annotations

import asyncio
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
        with suppress(OSError):
            while piece := await source.read(65536):
                if delayed and self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if sink.is_closing():
                    return
                sink.write(piece)
                await sink.drain()
            sink.write_eof()


@asynccontextmanager
async def proxy(port: int) -> AsyncIterator[Proxy]:
    """A proxy to a port of this machine, open while the block lasts."""
    opened = Proxy(port)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()
