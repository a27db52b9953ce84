"""What a refused call tells: its code, its text and the fields it names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
TAKEN = grpc.StatusCode.ALREADY_EXISTS


async def refused(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """The error of a call that must not succeed."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


@contextmanager
def refusing(code: grpc.StatusCode, text: str) -> Iterator[pytest.ExceptionInfo[grpc.aio.AioRpcError]]:
    """Hold the block to end in this status, with this in its text."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield caught
    assert caught.value.code() is code, caught.value
    assert text in (caught.value.details() or "")


def fields_of(error: grpc.aio.AioRpcError) -> list[str]:
    """The request fields that BadRequest details name."""
    broken: list[str] = []
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            broken += [violation.field for violation in bad.field_violations]
    return broken
