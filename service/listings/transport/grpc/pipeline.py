"""One wrapper around every gRPC handler, outermost first: metrics, errors, identity, limit, load, deadline.

One function instead of stacked interceptors: each interceptor of grpc.aio costs 30 to 40 us, this
whole wrapper a few. Whatever is expensive (headers, request id, deadlines) is looked at only by the
calls that need it; a cached answer leaves without any of it.
"""

from __future__ import annotations

import asyncio
import time
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NoReturn

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc_status import rpc_status
from opentelemetry import propagate, trace

from listings.domain.errors import DeadlineExceeded, InvalidArgument, ListingsError
from listings.transport.call import Call, ip_of_peer
from listings.transport.errors import rich_status, statuses_of
from listings.transport.load import Overloaded
from listings.transport.policy import SERVICE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from opentelemetry.trace import Tracer

    from listings.metrics import MethodMetrics
    from listings.transport.grpc.leaving import Leaving
    from listings.transport.guard import Guard
    from listings.transport.load import Load
    from listings.transport.table import Method

    Unforeseen = Callable[[str, BaseException, str], None]

log = structlog.get_logger(__name__)

Context = grpc.aio.ServicerContext[bytes, bytes]

Headers = dict[str, str]

# Connections live longer than calls, and so does their address.
_ip_of_peer = lru_cache(maxsize=4096)(ip_of_peer)


class GrpcCall(Call):
    """A call through grpcio. What its context knows is asked for when somebody looks: most calls need little of it."""

    __slots__ = ("_context", "_found")

    def __init__(self, method: str, context: Context) -> None:
        # Not the dataclass's own: filling fields that nobody reads costs as much as finding a cached answer.
        self.method = method
        self.identity = None
        self.identity_checked = False
        self._request_id = ""
        self._context = context
        self._found: Headers | None = None

    @property
    def headers(self) -> Mapping[str, str]:  # type: ignore[override] # read-only, as a handler may use it
        """The metadata by lower-case name, all values of a name joined."""
        if self._found is None:
            self._found = headers_of(self._context)
        return self._found

    @property
    def peer_ip(self) -> str:  # type: ignore[override] # as above
        """The address that the connection comes from."""
        return _ip_of_peer(self._context.peer())

    @property
    def seconds_left(self) -> Callable[[], float | None]:  # type: ignore[override] # as above
        """Tells how much of the caller's own deadline is left; None when it set none."""
        return self._context.time_remaining


def headers_of(context: Context) -> Headers:
    """The call's metadata as text."""
    found: Headers = {}
    for key, value in context.invocation_metadata() or ():
        text = value if isinstance(value, str) else value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def bind(
    method: Method,
    metrics: MethodMetrics,
    guard: Guard,
    leaving: Leaving,
    load: Load,
    *,
    timeout_seconds: float,
    tracer: Tracer | None = None,
    unforeseen: Unforeseen | None = None,
) -> Callable[[bytes, Context], Awaitable[bytes]]:
    """The function that grpcio calls for one method; traced only when there is a tracer.

    `unforeseen` is told the method, the error and the request id of whatever becomes INTERNAL.
    """
    name = method.policy.method
    policy = method.policy
    handle = method.handle
    admit = guard.admission(policy)
    if tracer is not None:
        metrics.trace = _sampled_trace

    async def serve(request: bytes, context: Context) -> bytes:
        started = time.perf_counter()
        metrics.began()
        status = "OK"
        call = GrpcCall(name, context)
        try:
            if admit is not None:
                admitted = admit(call, policy)
                if admitted is not None:
                    await admitted
            answer = handle(request, call)
            if type(answer) is not bytes:
                if load.waiting >= load.most:
                    status = "UNAVAILABLE"
                    answer = _turn_away(context, load.refuse("grpc", answer))  # type: ignore[arg-type] # not bytes
                else:
                    load.waiting += 1
                    try:
                        answer = await _within_deadline(answer, context, timeout_seconds)  # type: ignore[arg-type]
                    finally:
                        load.waiting -= 1
            if leaving.told is not None:
                await leaving.told.wait()
        except asyncio.CancelledError:
            # grpcio cancels the handler both when the client hangs up and when its deadline passes.
            left: float | None = context.time_remaining()
            status = "CANCELLED" if left is None or left > 0 else "DEADLINE_EXCEEDED"
            raise
        except Exception as caught:  # noqa: BLE001 - the edge: every error becomes a status
            error = unreadable(caught)
            code = statuses_of(error).grpc
            status = code.name
            if code is grpc.StatusCode.INTERNAL and unforeseen is not None:
                unforeseen(name, error, call.request_id)
            if leaving.told is not None:
                await leaving.told.wait()
            await _refuse(context, call, error, code, policy.failure)
        else:
            return answer
        finally:
            metrics.ended(status, time.perf_counter() - started, timeout_seconds)

    return serve if tracer is None else _traced(serve, policy.path, tracer)


def _sampled_trace() -> str:
    """The trace id of the running span where it is sampled, else nothing: an exemplar must lead somewhere."""
    span = trace.get_current_span().get_span_context()
    return f"{span.trace_id:032x}" if span.trace_flags.sampled else ""


def _traced(
    serve: Callable[[bytes, Context], Awaitable[bytes]], path: str, tracer: Tracer
) -> Callable[[bytes, Context], Awaitable[bytes]]:
    """The same function inside a server span that continues the caller's trace."""
    attributes = {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": path.rpartition("/")[2]}

    async def serve_traced(request: bytes, context: Context) -> bytes:
        headers = headers_of(context)
        parent = propagate.extract({name: headers.get(name, "") for name in ("traceparent", "tracestate")})
        with tracer.start_as_current_span(
            path.lstrip("/"),
            context=parent,
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,  # texts of errors may quote input
            set_status_on_exception=False,
        ):
            return await serve(request, context)

    return serve_traced


def unreadable(error: Exception) -> Exception:
    """Bytes that are not the request's message (or hold invalid UTF-8) are the caller's mistake."""
    if isinstance(error, DecodeError):
        return InvalidArgument(
            "the request is not a valid message: check that its strings are UTF-8",
            reason="REQUEST_UNREADABLE",
        )
    return error


async def _within_deadline(answer: Awaitable[bytes], context: Context, limit: float) -> bytes:
    """Wait for an answer until the caller's deadline or ours, whichever is sooner."""
    remaining: float | None = context.time_remaining()  # None without a deadline
    seconds = limit if remaining is None else min(limit, remaining)
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise DeadlineExceeded(f"request timeout after {seconds:.3g}s (limit: {limit:g}s)") from None


async def _refuse(
    context: Context, call: Call, error: Exception, code: grpc.StatusCode, failure: str
) -> NoReturn:
    if not isinstance(error, ListingsError):
        log.error("call failed", method=call.method, request_id=call.request_id, exc_info=error)
        text = failure or f"internal error, request id {call.request_id}"
        error = ListingsError(text, reason="INTERNAL")
    elif code in _SERVER_ERRORS:
        log.warning(
            "call refused",
            method=call.method,
            code=code.name,
            reason=error.reason,
            request_id=call.request_id,
        )
    _mark_span(code)
    status = rpc_status.to_status(rich_status(error, code, call.request_id))
    try:
        await context.abort(status.code, status.details, status.trailing_metadata)
    except grpc.aio.InternalError:
        # Its caller left in this moment, for its deadline is often ours: grpcio would log a traceback.
        raise asyncio.CancelledError from None


def _turn_away(context: Context, overloaded: Overloaded) -> bytes:
    """Refuse a call too many, as cheaply as can be: no log line, no exception, a status that is at hand.

    `abort` leaves objects behind that hold each other; of a thousand calls a second the garbage collector would
    stop everything for 20 ms twice a second.
    """
    refusal = _overloaded(overloaded.retry_after_seconds)
    _mark_span(grpc.StatusCode.UNAVAILABLE)
    context.set_code(refusal.code)
    context.set_details(refusal.details)
    context.set_trailing_metadata(refusal.trailing_metadata)
    return b""  # thrown away: the status is not OK


@cache
def _overloaded(come_back_seconds: float | None) -> grpc.Status:
    """The status for each time to come back; without a request's id, which no log line tells either."""
    error = Overloaded(retry_after_seconds=come_back_seconds)
    return rpc_status.to_status(rich_status(error, grpc.StatusCode.UNAVAILABLE, ""))


def _mark_span(code: grpc.StatusCode) -> None:
    span = trace.get_current_span()
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code in _SERVER_ERRORS:
        span.set_status(trace.StatusCode.ERROR, code.name)


_SERVER_ERRORS = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
