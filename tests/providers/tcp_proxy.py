"""A TCP proxy that can be slow, lossy, deaf or gone: the network between a service and a server of a test.

    async with TcpProxy(("127.0.0.1", 5432)) as proxy:
        ...                          connect to proxy.port
        proxy.delay_seconds = 0.2    every piece arrives that much later, in each direction
        proxy.loss = 0.05            this share of the pieces waits for TCP to send it again
        proxy.silent = True          nothing passes, no connection is closed: a half-open network
        proxy.target = other         further connections go there; proxy.drop() ends the present ones

Pieces keep their order, as TCP promises.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine

# What Linux waits before it sends a lost piece again, at the least.
RETRANSMIT_SECONDS = 0.2
_PIECE = 65536

Address = tuple[str, int]


class TcpProxy:
    """Forwards connections to `target`; its attributes may be changed while it runs."""

    def __init__(self, target: Address, *, seed: int = 1) -> None:
        self.target = target
        self.delay_seconds = 0.0
        self.loss = 0.0
        self._chance = random.Random(seed)
        self._open = _opened()
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def silent(self) -> bool:
        """Whether nothing passes."""
        return not self._open.is_set()

    @silent.setter
    def silent(self, value: bool) -> None:
        if value:
            self._open.clear()
        else:
            self._open.set()

    def forget(self) -> asyncio.Event:
        """What a network does that lost its state without telling anybody, as when a firewall is started anew.

        Setting the event that is returned lets the forgotten connections pass again.
        """
        forgotten = self._open
        self._open = _opened(not self.silent)
        forgotten.clear()
        return forgotten

    def drop(self) -> None:
        """End every present connection with a reset, as a machine does that has lost its memory."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._server = await asyncio.start_server(
            lambda reader, writer: self._start(self._accept(reader, writer)), "127.0.0.1", 0
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        self.drop()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        passes = self._open
        await passes.wait()  # a network that swallows everything answers no handshake of the server either
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(back)
        self._start(self._pump(reader, back, passes))
        self._start(self._pump(there, writer, passes))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event
    ) -> None:
        try:
            with suppress(OSError):
                while piece := await reader.read(_PIECE):
                    wait = self.delay_seconds
                    if self.loss and self._chance.random() < self.loss:
                        wait += RETRANSMIT_SECONDS
                    if wait:
                        await asyncio.sleep(wait)
                    await passes.wait()
                    writer.write(piece)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()


def _opened(yes: bool = True) -> asyncio.Event:  # noqa: FBT001, FBT002 - the event's own question
    event = asyncio.Event()
    if yes:
        event.set()
    return event
