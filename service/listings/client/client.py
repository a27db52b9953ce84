"""The asynchronous client."""

from __future__ import annotations

import asyncio
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
from listings.client.methods import Answer, AsyncMethods

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from listings.client.errors import Trailers


class ListingsClient(AsyncMethods):
    """One channel to the service: `async with ListingsClient("localhost:50053") as listings: ...`."""

    def __init__(
        self,
        address: str = "localhost:50053",
        *,
        token: str | None = None,
        user_id: int | None = None,
        deadline: float = DEADLINE_SECONDS,
        channel: grpc.aio.Channel | None = None,
    ) -> None:
        """`deadline` is in seconds, for calls that name none. A `channel` (TLS, say) stays the caller's to close."""
        self._own = grpc.aio.insecure_channel(address) if channel is None else None
        self._channel = channel or cast("grpc.aio.Channel", self._own)
        self._metadata = credentials(token, user_id)
        self._deadline = deadline

    async def call(
        self, method: str, request: Message | None = None, *, deadline: float | None = None
    ) -> Message:
        """Any RPC by its name; raises UnknownMethod, or the errors of `errors.py`."""
        found = method_named(method)
        return await self.ask(
            found.name, request or request_type(found)(), answer_type(found), deadline=deadline
        )

    async def ask(
        self, method: str, request: Message, answer: type[Answer], *, deadline: float | None
    ) -> Answer:
        """What every typed method does."""
        send = self._channel.unary_unary(
            path_of(method_named(method)),
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        patience = Patience(method, self._deadline if deadline is None else deadline)
        while True:
            try:
                return cast("Answer", await send(request, timeout=patience.left, metadata=self._metadata))
            except grpc.aio.AioRpcError as error:
                pause = patience.pause_after(error.code())
                if pause is None:
                    raise call_error(
                        error.code(), error.details() or "", cast("Trailers", error.trailing_metadata())
                    ) from error
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Close the channel, when it is this client's own."""
        if self._own is not None:
            await self._own.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
