"""Every error has a status on each edge and says it in full."""

from __future__ import annotations

import importlib
import pkgutil

import grpc
import pytest
from google.rpc import error_details_pb2

import listings.domain
from listings.domain import errors
from listings.transport.errors import STATUSES, rich_status, statuses_of


def every_error(root: type[errors.ListingsError] = errors.ListingsError) -> set[type[errors.ListingsError]]:
    return {root}.union(*(every_error(kind) for kind in root.__subclasses__()))


for module in pkgutil.iter_modules(listings.domain.__path__, "listings.domain."):
    importlib.import_module(module.name)


@pytest.mark.parametrize(
    "kind", sorted(every_error() - {errors.ListingsError}, key=lambda kind: kind.__name__)
)
def test_every_kind_has_a_status_on_both_edges(kind):
    statuses = statuses_of(kind())
    assert statuses.grpc is not grpc.StatusCode.INTERNAL
    assert 400 <= statuses.http < 600


@pytest.mark.parametrize("kind", sorted(STATUSES, key=lambda kind: kind.__name__))
def test_every_kind_says_something_without_being_told(kind):
    assert kind().message
    assert kind().reason.isupper()


def test_the_unforeseen_is_internal():
    assert statuses_of(KeyError("x")).grpc is grpc.StatusCode.INTERNAL


def test_details_name_reason_field_wait_and_request():
    error = errors.InvalidArgument(
        "limit must be between 1 and 100",
        metadata={"highest": "100"},
        fields=[errors.FieldViolation("limit", "must be between 1 and 100")],
        retry_after_seconds=1.5,
    )
    status = rich_status(error, grpc.StatusCode.INVALID_ARGUMENT, "req-1")
    info, bad, retry, request = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
        error_details_pb2.RequestInfo(),
    )
    for packed, message in zip(status.details, (info, bad, retry, request), strict=True):
        assert packed.Unpack(message)
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "INVALID_ARGUMENT",
        "listings.v1",
        {"highest": "100"},
    )
    assert [(v.field, v.description) for v in bad.field_violations] == [
        ("limit", "must be between 1 and 100")
    ]
    assert retry.retry_delay.ToMilliseconds() == 1500
    assert request.request_id == "req-1"
