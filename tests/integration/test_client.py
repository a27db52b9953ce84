"""The Python client against a running service: answers, errors with their details, repetition, deadlines."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import grpc
import pytest

from listings.client import ListingsClient, SyncListingsClient, errors
from listings.client.calls import Patience, UnknownMethod
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any


@pytest.fixture
async def client(service: Any) -> AsyncIterator[ListingsClient]:
    async with ListingsClient(f"localhost:{service.app.grpc_port}", deadline=20) as client:
        yield client


async def test_typed_method_gives_a_typed_answer(client: ListingsClient):
    answer = await client.list_listings(pb.ListListingsRequest(limit=5))

    assert isinstance(answer, pb.ListListingsResponse)
    assert answer.total == 0


@pytest.mark.parametrize(
    "name", ["ListListings", "list_listings", "listings.v1.ListingsService/ListListings"]
)
async def test_method_by_name(client: ListingsClient, name: str):
    assert isinstance(await client.call(name, pb.ListListingsRequest(limit=5)), pb.ListListingsResponse)


async def test_unknown_method_names_the_nearest(client: ListingsClient):
    with pytest.raises(UnknownMethod, match="did you mean GetListing"):
        await client.call("GetListng")


async def test_refusal_is_typed_and_names_reason_field_and_request(client: ListingsClient):
    with pytest.raises(errors.InvalidArgument) as caught:
        await client.get_listing(pb.GetListingRequest(id=-1))

    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.reason
    assert caught.value.request_id
    assert [problem.field for problem in caught.value.fields] == ["id"]
    assert "id" in str(caught.value)


async def test_absence_is_typed(client: ListingsClient):
    with pytest.raises(errors.NotFound) as caught:
        await client.get_listing(pb.GetListingRequest(id=1))

    assert caught.value.message == "listing not found"


async def test_token_is_sent_and_its_absence_is_typed(
    start_service: Callable[..., AbstractAsyncContextManager[Any]],
):
    from listings.demo.tokens import demo_token

    secret = "a secret of more than thirty-two bytes"
    async with start_service(auth={"enabled": True, "hs256_secret": secret}) as service:
        address = f"localhost:{service.app.grpc_port}"
        request = pb.GetUserFavoritesRequest(user_id=7)
        async with ListingsClient(address) as nobody:
            with pytest.raises(errors.Unauthenticated) as caught:
                await nobody.get_user_favorites(request)
        async with ListingsClient(address, token=demo_token(secret, 7)) as somebody:
            assert (await somebody.get_user_favorites(request)).total == 0

    assert caught.value.reason == "TOKEN_MISSING"


async def test_too_many_calls_say_when_to_come_back(
    start_service: Callable[..., AbstractAsyncContextManager[Any]],
):
    async with (
        start_service(rate_limit={"unlimited_networks": []}) as service,
        ListingsClient(f"localhost:{service.app.grpc_port}", user_id=3) as client,
    ):

        async def delete_often() -> None:
            for _ in range(60):
                with suppress(errors.NotFound):
                    await client.delete_listing(pb.DeleteListingRequest(id=1, user_id=3))

        with pytest.raises(errors.RateLimited) as caught:
            await delete_often()

    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60


async def test_nobody_there_is_typed_and_soon():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with ListingsClient(f"127.0.0.1:{port}", deadline=2) as client:
        with pytest.raises(errors.Unavailable):
            await client.get_listing(pb.GetListingRequest(id=1))


async def test_silence_ends_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nobody answers
        async with ListingsClient(f"127.0.0.1:{silent.getsockname()[1]}") as client:
            with pytest.raises((errors.DeadlineExceeded, errors.Unavailable)):
                await client.get_listing(pb.GetListingRequest(id=1), deadline=0.3)


async def _restarting(answers: list[grpc.StatusCode | None]) -> tuple[grpc.aio.Server, int, list[str]]:
    """A server that refuses with each status in turn, None being an answer, and notes what was asked."""
    asked: list[str] = []

    async def answer(_request: bytes, context: grpc.aio.ServicerContext[Any, Any], name: str) -> bytes:
        asked.append(name)
        status = answers[len(asked) - 1]
        if status is not None:
            await context.abort(status, "restarting")
        return b""

    class Handlers(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
            name = str(details.method).rpartition("/")[2]

            async def serve(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
                return await answer(request, context, name)

            return grpc.unary_unary_rpc_method_handler(serve)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port, asked


AWAY = grpc.StatusCode.UNAVAILABLE


async def test_read_is_repeated_while_the_service_is_away():
    server, port, asked = await _restarting([AWAY, AWAY, None])
    async with ListingsClient(f"127.0.0.1:{port}") as client:
        await client.get_listing(pb.GetListingRequest(id=1))
    await server.stop(None)

    assert asked == ["GetListing"] * 3


async def test_read_is_not_repeated_for_ever():
    server, port, asked = await _restarting([AWAY] * 9)
    async with ListingsClient(f"127.0.0.1:{port}") as client:
        with pytest.raises(errors.Unavailable):
            await client.get_listing(pb.GetListingRequest(id=1))
    await server.stop(None)

    assert len(asked) == 3


async def test_write_is_never_repeated():
    server, port, asked = await _restarting([AWAY] * 9)
    async with ListingsClient(f"127.0.0.1:{port}") as client:
        with pytest.raises(errors.Unavailable):
            await client.create_listing(pb.CreateListingRequest())
    await server.stop(None)

    assert asked == ["CreateListing"]


async def test_other_failures_of_a_read_are_not_repeated():
    server, port, asked = await _restarting([grpc.StatusCode.INTERNAL] * 9)
    async with ListingsClient(f"127.0.0.1:{port}") as client:
        with pytest.raises(errors.Internal):
            await client.get_listing(pb.GetListingRequest(id=1))
    await server.stop(None)

    assert len(asked) == 1


def test_no_repetition_fits_a_short_deadline():
    assert Patience("GetListing", 0.01).pause_after(AWAY) is None


async def test_synchronous_client_keeps_the_same_promises(service: Any):
    def talk() -> None:
        with SyncListingsClient(f"localhost:{service.app.grpc_port}", deadline=20) as client:
            assert client.list_listings(pb.ListListingsRequest(limit=5)).total == 0
            assert isinstance(client.call("GetAllCategories"), pb.CategoriesResponse)
            with pytest.raises(errors.InvalidArgument) as caught:
                client.get_listing(pb.GetListingRequest())
            assert [problem.field for problem in caught.value.fields] == ["id"]

    await asyncio.to_thread(talk)


async def test_synchronous_client_repeats_reads():
    server, port, asked = await _restarting([AWAY, None])

    def read() -> None:
        with SyncListingsClient(f"127.0.0.1:{port}") as client:
            client.get_listing(pb.GetListingRequest(id=1))

    await asyncio.to_thread(read)
    await server.stop(None)

    assert asked == ["GetListing"] * 2
