"""What both clients agree on: methods by name, credentials, and when a call may be repeated."""

from __future__ import annotations

import difflib
import json
import time
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.message_factory import GetMessageClass

from listings.client.methods import READS
from listings.v1 import listings_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.message import Message

SERVICE: Final = listings_pb2.DESCRIPTOR.services_by_name["ListingsService"]
DEADLINE_SECONDS: Final = 5.0

# Every pod behind a headless Service gets calls for as long as it says that it serves. Names are looked up again a second
# after a connection was lost, not half a minute: a rollout and its rollback replace every pod in less.
CHANNEL_OPTIONS: Final = (
    (
        "grpc.service_config",
        json.dumps(
            {
                "loadBalancingConfig": [{"round_robin": {}}],
                "healthCheckConfig": {"serviceName": SERVICE.full_name},
            }
        ),
    ),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
)
"""For any channel to the service: what lets its rollouts go unnoticed."""

# Between the tries of a read; a restarting service or a moved pod answers within the second.
_PAUSES: Final = (0.1, 0.4)


class UnknownMethod(ValueError):
    """There is no such RPC; the text names the nearest."""


def method_named(name: str) -> MethodDescriptor:
    """The RPC of that name, also as `get_listing` or `listings.v1.ListingsService/GetListing`."""
    short = name.rpartition("/")[2].rpartition(".")[2]
    by_folded = {_folded(known): known for known in SERVICE.methods_by_name}
    found = by_folded.get(_folded(short))
    if found is None:
        close = difflib.get_close_matches(_folded(short), by_folded, n=3, cutoff=0.5)
        near = ", ".join(by_folded[each] for each in close)
        raise UnknownMethod(f"there is no method {name}" + (f": did you mean {near}?" if near else ""))
    return SERVICE.methods_by_name[found]


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def path_of(method: MethodDescriptor) -> str:
    """The method's address on the wire."""
    return f"/{SERVICE.full_name}/{method.name}"


def request_type(method: MethodDescriptor) -> type[Message]:
    """The class of its request."""
    return GetMessageClass(method.input_type)


def answer_type(method: MethodDescriptor) -> type[Message]:
    """The class of its answer."""
    return GetMessageClass(method.output_type)


def credentials(token: str | None, user_id: int | None) -> tuple[tuple[str, str], ...]:
    """The metadata that says who calls: a token, or the user id that a service without identity believes."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    return (*metadata, ("user-id", str(user_id))) if user_id is not None else metadata


class Patience:
    """How long one call may still take, and whether it may be tried again."""

    def __init__(self, method: str, deadline: float) -> None:
        self._ends = time.monotonic() + deadline
        self._pauses = iter(_PAUSES if method in READS else ())

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return max(self._ends - time.monotonic(), 0.001)

    def pause_after(self, code: grpc.StatusCode) -> float | None:
        """How long to wait before another try, or None when the failure stands.

        Only reads, and only when the service could not be reached: whether a write happened, nobody knows then.
        """
        if code is not grpc.StatusCode.UNAVAILABLE:
            return None
        pause = next(self._pauses, None)
        return pause if pause is not None and pause < self.left else None
