"""Errors as JSON: `{"error", "message", "reason", "fields"}` with the status of the shared table.

`error` and `message` hold the same text: existing clients read one or the other.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from listings.domain.errors import FieldViolation, InvalidArgument, ListingsError
from listings.transport.errors import statuses_of
from listings.transport.load import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.responses import Response

    from listings.transport.call import Call

log = structlog.get_logger(__name__)

# Reasons of refusals that HTTP itself makes; everything else carries the domain error's own.
_HTTP_REASONS: Final = {
    400: "BODY_UNREADABLE",
    404: "ROUTE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "BODY_TIMEOUT",
    413: "BODY_TOO_LARGE",
    415: "CONTENT_TYPE",
    431: "HEAD_TOO_LARGE",
}
# Where Pydantic speaks of its own types; callers send JSON.
_PLAIN: Final = {
    "missing": "is required",
    "dict_type": "should be a JSON object",
    "model_attributes_type": "should be a JSON object",
}
# What stands around that in Pydantic's sentences and helps no caller.
_NOISE: Final = re.compile(
    r"^(Input|String|List|Value) |, unable to (parse|interpret).*$| after validation, not \d+$"
)
# Refused before the body was read to its end: the connection is of no further use.
_UNREAD: Final = frozenset({408, 413})
_SERVER_ERROR: Final = 500


def refusal(error: Exception, call: Call) -> Response:
    """The answer for any error; unforeseen ones are logged and tell the caller only a request id."""
    if isinstance(error, HTTPException):
        return _http(error)
    if isinstance(error, RequestValidationError):
        error = broken_rules(error)
    status = statuses_of(error).http
    if not isinstance(error, ListingsError):
        log.error("request failed", method=call.method, request_id=call.request_id, exc_info=error)
        error = ListingsError(f"internal error, request id {call.request_id}", reason="INTERNAL")
    elif status >= _SERVER_ERROR and not isinstance(
        error, Overloaded
    ):  # counted: lines would add to the load
        log.warning(
            "request refused",
            method=call.method,
            status=status,
            reason=error.reason,
            request_id=call.request_id,
        )
    headers: dict[str, str] = {}
    if error.retry_after_seconds is not None:
        # Whole seconds, never too early.
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(status, error.message, error.reason, error.fields, headers)


def broken_rules(error: RequestValidationError) -> InvalidArgument:
    """What the body, path or query broke, as the same error that gRPC callers get."""
    found = error.errors()
    first = found[0]
    where = first["loc"][0]
    if first["type"] == "json_invalid":
        # The old service's words, then where to look.
        position = first["loc"][1] if len(first["loc"]) > 1 else 0
        return InvalidArgument(
            f"invalid body: not valid JSON near character {position}", reason="BODY_UNREADABLE"
        )
    fields = list(_violations(found))
    if where == "path":
        # All that a path can hold wrongly is an id; the text is the old service's.
        return InvalidArgument("invalid id parameter", reason="PATH_INVALID", fields=fields)
    return InvalidArgument(f"{fields[0].field} {fields[0].description}", fields=fields)


def _violations(found: Any) -> Iterator[FieldViolation]:
    for problem in found:
        _, *path = problem["loc"]
        field = ""
        for part in path:
            field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else part
        text = _PLAIN.get(problem["type"]) or _NOISE.sub("", str(problem["msg"]))
        yield FieldViolation(field or str(problem["loc"][0]), text[:1].lower() + text[1:])


def _http(error: HTTPException) -> Response:
    status, message = error.status_code, str(error.detail)
    headers = dict(error.headers or {})
    if status == 400:
        message = "invalid body: not readable as JSON"  # all that FastAPI itself calls bad
    if status in _UNREAD:
        headers["Connection"] = "close"
    return _answer(status, message, _HTTP_REASONS.get(status, "INVALID_ARGUMENT"), (), headers)


def _answer(
    status: int,
    message: str,
    reason: str,
    fields: tuple[FieldViolation, ...] | list[FieldViolation],
    headers: Mapping[str, str],
) -> Response:
    body = {
        "error": message,
        "message": message,
        "reason": reason,
        "fields": [{"field": broken.field, "description": broken.description} for broken in fields],
    }
    return JSONResponse(body, status, headers=dict(headers))
