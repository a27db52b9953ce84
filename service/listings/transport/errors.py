"""Kinds of errors to statuses: the only place that knows gRPC codes and HTTP codes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from listings.domain import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

DOMAIN: Final = "listings.v1"


class Statuses(NamedTuple):
    """What a kind of error is on each edge."""

    grpc: grpc.StatusCode
    http: int


STATUSES: Final[dict[type[errors.ListingsError], Statuses]] = {
    errors.InvalidArgument: Statuses(grpc.StatusCode.INVALID_ARGUMENT, 400),
    errors.OutOfRange: Statuses(grpc.StatusCode.OUT_OF_RANGE, 400),
    errors.NotFound: Statuses(grpc.StatusCode.NOT_FOUND, 404),
    errors.AlreadyExists: Statuses(grpc.StatusCode.ALREADY_EXISTS, 409),
    errors.FailedPrecondition: Statuses(grpc.StatusCode.FAILED_PRECONDITION, 409),
    errors.PermissionDenied: Statuses(grpc.StatusCode.PERMISSION_DENIED, 403),
    errors.Unauthenticated: Statuses(grpc.StatusCode.UNAUTHENTICATED, 401),
    errors.ResourceExhausted: Statuses(grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
    errors.DeadlineExceeded: Statuses(grpc.StatusCode.DEADLINE_EXCEEDED, 504),
    errors.Aborted: Statuses(grpc.StatusCode.ABORTED, 409),
    errors.Unavailable: Statuses(grpc.StatusCode.UNAVAILABLE, 503),
}

INTERNAL: Final = Statuses(grpc.StatusCode.INTERNAL, 500)


def statuses_of(error: BaseException) -> Statuses:
    """The statuses of the nearest kind above an error; INTERNAL for anything unforeseen."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return INTERNAL


def rich_status(error: errors.ListingsError, code: grpc.StatusCode, request_id: str) -> status_pb2.Status:
    """The error as `google.rpc.Status` with its details, for the `grpc-status-details-bin` trailer."""
    details = [_packed(detail) for detail in _details(error, request_id)]
    return status_pb2.Status(code=code_pb2.Code.Value(code.name), message=error.message, details=details)


def _details(error: errors.ListingsError, request_id: str) -> Iterator[Message]:
    yield error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    if error.fields:
        yield error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=broken.field, description=broken.description
                )
                for broken in error.fields
            ]
        )
    if error.retry_after_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        # Never too early; REST's Retry-After is the same time in whole seconds.
        retry.retry_delay.FromMilliseconds(math.ceil(error.retry_after_seconds * 1000))
        yield retry
    if request_id:
        yield error_details_pb2.RequestInfo(request_id=request_id)


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
