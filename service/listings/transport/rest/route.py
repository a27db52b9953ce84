"""The route class of every endpoint: identity, rate limit, body, load, deadline, handler, errors.

A route is named after the RPC whose policy it shares (`name="GetListing"`), so that both edges have one
set of limits and access rules. Routes with other names (health, metrics) are open and unlimited.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from opentelemetry import propagate, trace
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from listings.domain.errors import DeadlineExceeded, InvalidArgument, invalid
from listings.transport.call import Call
from listings.transport.errors import INTERNAL
from listings.transport.policy import POLICIES
from listings.transport.rest.pipeline import CALL, BodyTooLarge
from listings.transport.rest.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from opentelemetry.trace import Tracer
    from starlette.responses import Response
    from starlette.types import Scope

    from listings.settings import TimeoutSettings
    from listings.transport.guard import Guard
    from listings.transport.load import Load
    from listings.transport.policy import Policy

# Where a request's Edge is kept in its scope.
EDGE: Final = "listings.edge"

# A body of the largest size needs about a second on a slow line; a client that drips is let go.
BODY_SECONDS: Final = 20.0
# How long the rest of a body that is too large is read and thrown away.
LINGER_SECONDS: Final = 2.0
# What nginx made the usual status of requests whose client did not wait; only metrics see it.
_CLIENT_GONE: Final = 499


@dataclass(frozen=True, slots=True)
class Edge:
    """What every route shares.

    `largest_body` in bytes. `unforeseen` is told the method, the error and the request id of whatever
    becomes 500.
    """

    guard: Guard
    load: Load
    timeouts: TimeoutSettings
    largest_body: int
    tracer: Tracer | None = None
    unforeseen: Callable[[str, BaseException, str], None] | None = None

    def limit_of(self, policy: Policy) -> float:
        """The time limit of a method in seconds."""
        return policy.time_limit(self.timeouts)


class EdgeRoute(APIRoute):
    """A route that answers behind the edge which the request's scope names."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the endpoint. Called by FastAPI when a route is declared."""
        answer = super().get_route_handler()
        if self.name not in POLICIES and self.path.startswith("/api/"):
            # A misspelt name would leave the route open and unlimited.
            raise LookupError(f"{self.path}: {self.name!r} is no RPC whose policy could hold here")
        has_body = self.body_field is not None

        async def handle(request: Request, edge: Edge, policy: Policy | None) -> Response:
            call: Call = request.scope[CALL]
            try:
                if policy is None:
                    return await answer(request)
                call.method = policy.method
                admitted = edge.guard.admit(call, policy)
                if admitted is not None:
                    await admitted
                _check_address(request.scope)
                if has_body:
                    await _receive_body(request, edge.largest_body)
                load, answering = edge.load, answer(request)
                if load.waiting >= load.most:
                    raise load.refuse("rest", answering)
                load.waiting += 1
                try:
                    return await _within(edge.limit_of(policy), answering, request)
                finally:
                    load.waiting -= 1
            except Exception as error:  # noqa: BLE001 - the edge: every error becomes an answer
                refused = refusal(error, call)
                if refused.status_code == INTERNAL.http and edge.unforeseen is not None:
                    edge.unforeseen(call.method or self.path, error, call.request_id)
                return refused

        async def handle_at_edge(request: Request) -> Response:
            edge: Edge = request.scope[EDGE]
            policy = POLICIES.get(self.name)
            if edge.tracer is None or policy is None:
                return await handle(request, edge, policy)
            return await _traced(handle(request, edge, policy), request, self.path, edge.tracer)

        return handle_at_edge


async def _traced(
    answering: Coroutine[Any, Any, Response], request: Request, path: str, tracer: Tracer
) -> Response:
    """Answer inside a server span that continues the caller's trace."""
    headers = request.headers
    parent = propagate.extract({name: headers.get(name, "") for name in ("traceparent", "tracestate")})
    with tracer.start_as_current_span(
        f"{request.method} {path}",
        context=parent,
        kind=trace.SpanKind.SERVER,
        attributes={"http.request.method": request.method, "http.route": path},
        record_exception=False,  # texts of errors may quote input
        set_status_on_exception=False,
    ) as span:
        answer = await answering
        span.set_attribute("http.response.status_code", answer.status_code)
        if answer.status_code >= INTERNAL.http:
            span.set_status(trace.StatusCode.ERROR)
        return answer


async def _call_of(request: Request) -> Call:
    call: Call = request.scope[CALL]
    return call


# The parameter type by which endpoints ask for their Call.
CallOf = Annotated[Call, Depends(_call_of)]


async def _within(seconds: float, answer: Coroutine[Any, Any, Response], request: Request) -> Response:
    """Wait for an answer for as long as it may take and somebody is there to read it; then cancel it."""
    loop = asyncio.get_running_loop()
    answering, leaving = loop.create_task(answer), loop.create_task(_client_leaves(request))
    try:
        await asyncio.wait((answering, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            return answering.result()
        if leaving.done():
            raise HTTPException(_CLIENT_GONE, "the client closed the connection")
        raise DeadlineExceeded(f"request timeout after {seconds:g}s (limit: {seconds:g}s)")
    finally:
        leaving.cancel()
        if answering.cancel():
            await asyncio.wait((answering,))


async def _client_leaves(request: Request) -> None:
    while True:
        with suppress(BodyTooLarge):  # of a request that needs none: thrown away
            if (await request.receive())["type"] == "http.disconnect":
                return


def _check_address(scope: Scope) -> None:
    """Refuse what is not UTF-8: further in, its bytes would silently have become other characters."""
    if b"%" not in scope["query_string"] and b"%" not in scope["raw_path"]:
        return
    parts = [("path", scope["raw_path"])]
    for pair in scope["query_string"].split(b"&"):
        name = unquote_to_bytes(pair.partition(b"=")[0]).decode(errors="replace")
        parts.append((name, pair))
    for name, part in parts:
        try:
            unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise invalid(name, f"{name} is not UTF-8", reason="ADDRESS_NOT_UTF8") from None


async def _receive_body(request: Request, largest: int) -> None:
    """Read the body while it is small, in time and said to be JSON; the request keeps it."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.body()
    except BodyTooLarge:
        await _linger(request)
        raise HTTPException(413, f"the body is larger than {largest} bytes") from None
    except ClientDisconnect:
        raise HTTPException(_CLIENT_GONE, "the client closed the connection") from None
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive within {BODY_SECONDS:g} seconds") from None
    if not body:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise HTTPException(415, "send the body as JSON, with Content-Type: application/json")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(
            f"invalid body: not UTF-8 at byte {error.start}", reason="BODY_UNREADABLE"
        ) from None


async def _linger(request: Request) -> None:
    """Throw away the rest of a body for a while.

    Closing on a client that still sends would reset the connection, and the answer that says why would be
    lost with it.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await request.receive()).get("more_body", False):
                pass
