"""Every method of the wire contract: who is let in when identity is on, and that limits can be off."""

from __future__ import annotations

import time
from typing import Any

import grpc
import httpx
import jwt
import pytest
from providers.refusals import refused

from listings.transport.policy import POLICIES, SERVICE, Access
from listings.v1 import listings_pb2 as pb

SECRET = "a development secret of 32 bytes or more"
# What decision and contract leave open to everybody: reads that say nothing about a person or a shop's business.
PRIVATE_READS = {
    "GetFavoritedUsers",
    "GetUserFavorites",
    "IsFavorite",
    "GetListingsForReindex",
    "GetProductStats",
    "GetInventoryHistory",
}


def bearer(user_id: int, *roles: str) -> list[tuple[str, str]]:
    claims = {"sub": str(user_id), "exp": int(time.time()) + 60, "roles": list(roles)}
    return [("authorization", f"Bearer {jwt.encode(claims, SECRET, 'HS256')}")]


@pytest.fixture
async def guarded(start_service):
    async with start_service(auth={"enabled": True, "hs256_secret": SECRET}) as service:
        yield service


async def answer_to(service, method: str, **options: Any) -> grpc.StatusCode:
    """The status of a request with no field set."""
    try:
        await service.channel.unary_unary(f"/{SERVICE}/{method}")(b"", **options)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_only_reads_are_public_and_private_ones_are_named():
    public = {method for method, policy in POLICIES.items() if policy.access is Access.PUBLIC}
    assert all(method.startswith(("Get", "List", "Search", "Check")) for method in public)
    assert not public & PRIVATE_READS


async def test_without_a_token_public_methods_answer_and_no_other_does(guarded):
    for method, policy in POLICIES.items():
        status = await answer_to(guarded, method)
        let_in = status is not grpc.StatusCode.UNAUTHENTICATED
        assert let_in == (policy.access is Access.PUBLIC), (method, status)


async def test_a_bad_token_is_refused_by_public_methods_too(guarded):
    for method in POLICIES:
        status = await answer_to(guarded, method, metadata=[("authorization", "Bearer forged")])
        assert status is grpc.StatusCode.UNAUTHENTICATED, method


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (None, "missing authentication token"),
        ("Basic abc", "missing authentication token"),
        ("Bearer ", "missing authentication token"),
        ("Bearer forged", "invalid authentication token"),
    ],
)
async def test_the_refusals_have_the_texts_that_clients_know(guarded, header, text):
    metadata = [("authorization", header)] if header else []
    error = await refused(guarded.stub.IsFavorite(pb.IsFavoriteRequest(), metadata=metadata))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAUTHENTICATED, text)


async def test_a_user_speaks_for_nobody_else_and_an_administrator_for_all(guarded):
    asked = pb.GetUserFavoritesRequest(user_id=7)
    error = await refused(guarded.stub.GetUserFavorites(asked, metadata=bearer(8)))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await guarded.stub.GetUserFavorites(asked, metadata=bearer(7))).total == 0
    assert (await guarded.stub.GetUserFavorites(asked, metadata=bearer(8, "admin"))).total == 0


async def test_switched_off_limits_refuse_nobody(start_service):
    limits = {"enabled": False, "preset": "strict", "unlimited_networks": []}
    async with start_service(rate_limit=limits) as service:
        statuses = {await answer_to(service, "DeleteListing") for _ in range(60)}
        assert statuses == {grpc.StatusCode.INVALID_ARGUMENT}


async def test_a_callers_own_forwarded_header_does_not_hide_it_behind_the_proxys(start_service):
    limits = {"unlimited_networks": [], "trusted_proxies": ["127.0.0.0/8"]}
    async with (
        start_service(rate_limit=limits) as service,
        httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}") as http,
    ):
        over_grpc, over_http = set(), set()
        for number in range(40):  # 20 a minute; the proxy's header line comes after the caller's
            lines = [("x-forwarded-for", f"198.51.100.{number}"), ("x-forwarded-for", "203.0.113.9")]
            over_grpc.add(await answer_to(service, "DeleteListing", metadata=lines))
            lines[1] = ("x-forwarded-for", "203.0.113.10")
            over_http.add((await http.delete("/api/v1/listings/1?user_id=7", headers=lines)).status_code)
        assert grpc.StatusCode.RESOURCE_EXHAUSTED in over_grpc
        assert 429 in over_http
