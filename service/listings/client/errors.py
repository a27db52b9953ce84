"""What a call can end with instead of an answer: one class per gRPC status, with the details that came along.

CallError
├── InvalidArgument     `fields` says which and why
├── NotFound
├── AlreadyExists
├── FailedPrecondition
├── Aborted             another writer was first: read again, then repeat
├── Unauthenticated
├── PermissionDenied
├── RateLimited         `retry_after` says when
├── DeadlineExceeded
├── Unavailable
├── Unimplemented
└── Internal            `request_id` finds it in the service's log
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Trailers = Iterable[tuple[str, str | bytes]]

_DETAILS_KEY: Final = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of the request."""

    field: str
    description: str


class CallError(Exception):
    """A call that was refused or lost. `reason` is the stable name to branch on; the text is for people."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        fields: Iterable[FieldProblem] = (),
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.fields = tuple(fields)
        self.retry_after = retry_after
        """Seconds until a repetition may succeed, when the service said so."""
        self.request_id = request_id

    def __str__(self) -> str:
        problems = "".join(f"; {each.field}: {each.description}" for each in self.fields)
        return f"{self.code.name} {self.reason or '-'}: {self.message}{problems}"


class InvalidArgument(CallError):
    """The request itself is wrong."""


class NotFound(CallError):
    """What was asked for does not exist."""


class AlreadyExists(CallError):
    """Something with this identity exists."""


class FailedPrecondition(CallError):
    """The state of things does not allow it now."""


class Aborted(CallError):
    """Another writer was first."""


class Unauthenticated(CallError):
    """No token, or one that does not verify."""


class PermissionDenied(CallError):
    """The token's user may not do this."""


class RateLimited(CallError):
    """Too many calls, or too large an answer."""


class DeadlineExceeded(CallError):
    """No answer within the deadline; a write may have happened all the same."""


class Unavailable(CallError):
    """The service, or its database, cannot be reached."""


class Unimplemented(CallError):
    """The service does not have this method."""


class Internal(CallError):
    """A defect of the service."""


_CLASSES: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.ABORTED: Aborted,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RateLimited,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.INTERNAL: Internal,
}


def call_error(code: grpc.StatusCode, message: str, trailers: Trailers) -> CallError:
    """The error for a status and its trailers; details that cannot be read are left out."""
    reason, metadata, retry_after, request_id = "", {}, None, ""
    fields: list[FieldProblem] = []
    for key, value in trailers:
        if key != _DETAILS_KEY or not isinstance(value, bytes):
            continue
        for packed in status_pb2.Status.FromString(value).details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            retry, request = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
            if packed.Unpack(info):
                reason, metadata = info.reason, dict(info.metadata)
            elif packed.Unpack(bad):
                fields += [FieldProblem(each.field, each.description) for each in bad.field_violations]
            elif packed.Unpack(retry):
                retry_after = retry.retry_delay.ToTimedelta().total_seconds()
            elif packed.Unpack(request):
                request_id = request.request_id
    return _CLASSES.get(code, CallError)(
        code,
        message,
        reason=reason,
        metadata=metadata,
        fields=fields,
        retry_after=retry_after,
        request_id=request_id,
    )
