"""uvicorn on the service's own event loop, with bounds on what a client may keep open.

Started and drained by `app.py`, which alone listens for signals: uvicorn's own handlers would end the
process before gRPC calls in flight are finished.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import h11
import structlog
import uvicorn
from uvicorn.lifespan.off import LifespanOff
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from listings.transport.rest.pipeline import LARGEST_HEAD_BYTES

if TYPE_CHECKING:
    import ssl

    from starlette.types import ASGIApp

    from listings.settings import ServerSettings

log = structlog.get_logger(__name__)

# A request's head must be complete this soon after its connection opened or its first byte came.
# Clients on a bad line need a few seconds; one that needs more holds sockets, not conversations.
HEAD_SECONDS: Final = 15.0
# Longer than the idle time of common balancers (60 s), so that they close first and never race us.
KEEP_ALIVE_SECONDS: Final = 75
# A client that takes nothing of its answer for this long is cut off, and what waits for it is freed.
UNREAD_SECONDS: Final = 30.0
# Beyond this many connections those without a request make room: nobody may keep health probes out by sitting here.
MOST_CONNECTIONS: Final = 1000
# Connections the kernel may queue: a burst of new clients should not see resets.
BACKLOG: Final = 2048


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that closes connections whose request head does not arrive in time.

    uvicorn bounds idle time between requests only; a client that opens a connection and says nothing,
    or one header a minute, would stay for ever.
    """

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Start the clock; when there are too many connections, close one that is idle, else this one."""
        super().connection_made(transport)
        self._expect_head()
        if len(self.connections) > MOST_CONNECTIONS:
            others = (other for other in self.connections if isinstance(other, BoundedProtocol))
            next((other for other in others if other is not self and other.is_idle), self).transport.close()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        cycle: RequestResponseCycle | None = (
            self.cycle
        )  # None before the first request, whatever its stubs say
        return cycle is None or cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the head is complete, start it with the first byte of a next one."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            if self._patience is None:
                self._expect_head()
        else:
            self._forget_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._forget_head()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and name who sent it: nobody could stop it otherwise."""
        log.warning(
            "not an HTTP request",
            peer="{}:{}".format(*self.client) if self.client else "unknown",
            meaning="a client of another protocol (TLS, gRPC) has this port, or a scanner found it",
        )
        super().send_400_response(msg)

    def _expect_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget_head(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class HttpServer:
    """One port: REST, health and metrics, or what operators look at."""

    def __init__(
        self,
        settings: ServerSettings,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        named: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`named` is the setting of the port, for whoever finds it taken; without `tls` HTTP is plain."""
        self._place = host, port, named
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                loop="none",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # the rate limiter alone judges forwarded headers
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
                h11_max_incomplete_event_size=2 * LARGEST_HEAD_BYTES,  # the pipeline refuses in words before
                backlog=BACKLOG,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
            )
        )
        self._socket: socket.socket | None = None
        self._ticking: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen. Raises RuntimeError when the address cannot be had."""
        self._socket = _listening(*self._place)
        self.port = self._socket.getsockname()[1]
        server = self._server
        server.config.load()
        server.lifespan = LifespanOff(server.config)
        await server.startup(sockets=[self._socket])
        self._ticking = asyncio.get_running_loop().create_task(server.main_loop())

    async def drain(self) -> None:
        """Accept nothing more, finish requests in flight within the configured time, then close."""
        if self._ticking is None or self._socket is None:
            return
        self._server.should_exit = True
        self._ticking.cancel()  # it only keeps the Date header current
        with suppress(asyncio.CancelledError):
            await self._ticking
        if self._server.server_state.connections:
            await self._server.shutdown(sockets=[self._socket])
        else:  # uvicorn would wait a moment for them all the same
            for listener in self._server.servers:
                listener.close()
            self._socket.close()
        self._ticking = None


def _is_news(record: logging.LogRecord) -> bool:
    """Not uvicorn's line of a peer that it does not name: `BoundedProtocol` has its own."""
    return record.msg != "Invalid HTTP request received."


def _listening(host: str, port: int, named: str) -> socket.socket:
    """A socket of ours, so that a taken port is an error here and not uvicorn's exit of the process."""
    family: Any = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; connections inherit it
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNREAD_SECONDS * 1000))
        found.bind((host, port))
        found.setblocking(False)
    except OSError as error:
        found.close()
        raise RuntimeError(
            f"cannot listen on {host}:{port} for HTTP ({error.strerror}): "
            f"choose another {named} or stop what uses it"
        ) from error
    return found
