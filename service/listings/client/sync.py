"""The client for code without an event loop; the same promises as `client.py`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, cast

import grpc

from listings.client.calls import (
    DEADLINE_SECONDS,
    Patience,
    answer_type,
    credentials,
    method_named,
    path_of,
    request_type,
)
from listings.client.errors import call_error
from listings.client.methods import Answer, SyncMethods

if TYPE_CHECKING:
    from google.protobuf.message import Message


class SyncListingsClient(SyncMethods):
    """One channel to the service: `with SyncListingsClient("localhost:50053") as listings: ...`."""

    def __init__(
        self,
        address: str = "localhost:50053",
        *,
        token: str | None = None,
        user_id: int | None = None,
        deadline: float = DEADLINE_SECONDS,
        channel: grpc.Channel | None = None,
    ) -> None:
        """As ListingsClient."""
        self._own = grpc.insecure_channel(address) if channel is None else None
        self._channel = channel or cast("grpc.Channel", self._own)
        self._metadata = credentials(token, user_id)
        self._deadline = deadline

    def call(self, method: str, request: Message | None = None, *, deadline: float | None = None) -> Message:
        """Any RPC by its name; raises UnknownMethod, or the errors of `errors.py`."""
        found = method_named(method)
        return self.ask(found.name, request or request_type(found)(), answer_type(found), deadline=deadline)

    def ask(self, method: str, request: Message, answer: type[Answer], *, deadline: float | None) -> Answer:
        """What every typed method does."""
        send = self._channel.unary_unary(
            path_of(method_named(method)),
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        patience = Patience(method, self._deadline if deadline is None else deadline)
        while True:
            try:
                return cast("Answer", send(request, timeout=patience.left, metadata=self._metadata))
            except grpc.RpcError as error:
                call = cast("grpc.Call", error)
                pause = patience.pause_after(call.code())
                if pause is None:
                    raise call_error(
                        call.code(), call.details() or "", call.trailing_metadata() or ()
                    ) from error
            time.sleep(pause)

    def close(self) -> None:
        """Close the channel, when it is this client's own."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
