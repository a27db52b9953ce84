"""What stands around every HTTP request, outermost first: metrics, request id, common headers, bounds.

Pure ASGI, one layer: `application.py` puts it in front of CORS and the routes. What needs to know the
route (identity, rate limit, deadline, errors) happens in `route.py`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from listings.transport.call import Call, ip_of
from listings.transport.rest.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from listings.metrics import HttpMetrics

# Where a request's Call is kept in its scope.
CALL: Final = "listings.call"

# Request line and headers together. A bearer token of the longest kind (8 KiB) leaves room for more.
LARGEST_HEAD_BYTES: Final = 32 * 1024

# Methods as label values; whatever else clients invent is one series.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_API: Final = "/api/"


class BodyTooLarge(Exception):
    """More bytes arrived than a request may have."""


class JoinedHeaders(Headers):
    """Headers whose repeated lines are one list (RFC 9110 section 5.3).

    A proxy may add its X-Forwarded-For as a second line: who reads only the first believes the caller.
    """

    def __getitem__(self, key: str) -> str:
        """All values of a name, joined."""
        values = self.getlist(key)
        if not values:
            raise KeyError(key)
        return ", ".join(values)


class Pipeline:
    """The outermost ASGI application."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: HttpMetrics,
        *,
        largest_body: int,
        is_stopping: Callable[[], bool],
        scope: Mapping[str, object],
    ) -> None:
        """`largest_body` in bytes; while `is_stopping` answers ask clients to connect elsewhere.

        `scope` is what every request's scope holds besides: what the routes inside answer from.
        """
        self._app = app
        self._metrics = metrics
        self._largest_body = largest_body
        self._is_stopping = is_stopping
        self._scope = scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        self._metrics.began()
        method = scope["method"]
        # A copy: HEAD is answered as GET by every route, and the server below drops the body.
        inner: Scope = {**scope, **self._scope, "method": "GET" if method == "HEAD" else method}
        client = scope.get("client")
        call = Call("", JoinedHeaders(scope=scope), ip_of(client[0]) if client else "")
        inner[CALL] = call
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = call.request_id
                headers["X-Content-Type-Options"] = "nosniff"
                if scope["path"].startswith(_API):
                    headers["X-Served-By"] = "microservice"
                if self._is_stopping():
                    headers["Connection"] = "close"
            await send(message)

        try:
            if _head_bytes(scope) > LARGEST_HEAD_BYTES:
                too_large = HTTPException(431, f"address and headers exceed {LARGEST_HEAD_BYTES} bytes")
                await refusal(too_large, call)(inner, receive, answer)
                return
            await self._app(inner, self._bounded(receive), answer)
        finally:
            route = inner.get("route")
            self._metrics.ended(
                method if method in _METHODS else "OTHER",
                getattr(route, "path", "unmatched"),
                status,
                time.perf_counter() - started,
            )

    def _bounded(self, receive: Receive) -> Receive:
        received: int | None = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            if received is not None:
                received += len(message.get("body", b""))
                if received > self._largest_body:
                    received = None  # said once: whoever reads on only throws away
                    raise BodyTooLarge
            return message

        return bounded


def _head_bytes(scope: Scope) -> int:
    address = len(scope["raw_path"]) + len(scope["query_string"])
    return address + sum(len(name) + len(value) for name, value in scope["headers"])
