"""Starts a private Redis in a folder, for tests; `make run` needs none (the service caches in process).

Nothing is ever written to disk: an empty server each time it starts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING, Final, Self

from listings.embedded.binaries import find_redis
from listings.embedded.errors import EmbeddedServerError
from listings.embedded.lifetime import ServerCommand, SharedServer

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_SOCKET_PATH: Final = 103
_ANSWER_SECONDS: Final = 1.0


class EmbeddedRedis:
    """A private Redis server on a Unix socket; its methods block, `async with` does not."""

    def __init__(self, folder: Path, *, binary: Path | None = None, port: int = 0) -> None:
        """Describe the server; nothing happens before `start`. `port` opens TCP on 127.0.0.1 as well."""
        self._folder = folder.absolute()
        self._binary = binary
        self._port = port
        self._socket = self._folder / "redis.sock"
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET_PATH:
            message = f"{self._folder} is too long a path for a socket: choose a shorter one"
            raise EmbeddedServerError(message)
        self._server = SharedServer(self._folder, name="Redis", stop_signal=signal.SIGTERM)

    @property
    def url(self) -> str:
        """The address as redis-py reads it."""
        return f"redis://127.0.0.1:{self._port}/0" if self._port else f"unix://{self._socket}?db=0"

    def start(self) -> str:
        """Start the server or join it where it runs already; returns its address."""
        self._server.join(self._prepare, self._is_ready)
        return self.url

    def stop(self) -> None:
        """Give the server up; it ends when nobody else uses it."""
        self._server.leave()

    def crash(self) -> None:
        """Kill the server at once, for tests of its absence. `start` brings it back empty, at the same address."""
        self._server.end(signal.SIGKILL)

    async def __aenter__(self) -> Self:
        """Start without blocking the event loop."""
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop without blocking the event loop."""
        await asyncio.to_thread(self.stop)

    def _prepare(self) -> ServerCommand:
        self._folder.chmod(0o700)
        self._socket.unlink(missing_ok=True)
        settings = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "dir": str(self._folder),
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        binary = self._binary or find_redis()
        return ServerCommand([str(binary), *arguments], env=dict(os.environ), cwd=self._folder)

    def _is_ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER_SECONDS)
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
