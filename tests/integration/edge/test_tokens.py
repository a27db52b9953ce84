"""Every bad token of the table: its status and reason on both edges, and no trace of it in any log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from providers.refusals import refused
from providers.tokens import AUDIENCE, ISSUER, KEY, OTHER_KEY, TABLE, rs256, write_key_set
from structlog.testing import capture_logs

from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def key_set(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    write_key_set(path, {"first": KEY})
    return path


@pytest.fixture
async def guarded(start_service, key_set):
    auth = {"enabled": True, "jwks_path": key_set, "issuer": ISSUER, "audience": AUDIENCE}
    async with start_service(auth=auth | {"reload_seconds": 3600}) as service:
        yield service


def metadata_of(header: str | None) -> list[tuple[str, str]]:
    return [] if header is None else [("authorization", header)]


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason


async def told_by_grpc(service, header: str | None) -> tuple[str, str]:
    asked = pb.GetUserFavoritesRequest(user_id=7)
    error = await refused(service.stub.GetUserFavorites(asked, metadata=metadata_of(header)))
    return error.code().name, reason_of(error)


async def told_by_rest(service, header: str | None) -> tuple[int, str]:
    async with httpx.AsyncClient(verify=False) as http:
        answer = await http.get(
            f"http://127.0.0.1:{service.app.http_port}/api/v1/users/7/favorites",
            headers=dict(metadata_of(header)),
        )
    return answer.status_code, answer.json()["reason"]


async def test_each_bad_token_of_the_table_has_its_status_and_reason_on_both_edges(guarded):
    for row in TABLE:
        header = row.header()
        assert await told_by_grpc(guarded, header) == (row.grpc, row.reason), row.token
        assert await told_by_rest(guarded, header) == (row.rest, row.reason), row.token


async def test_no_part_of_a_token_is_logged(guarded, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = [row.header() or "" for row in TABLE]
    tokens.append(f"Bearer {rs256(email='somebody@example.com')}")
    with capture_logs() as lines:
        for header in tokens:
            asked = pb.GetUserFavoritesRequest(user_id=7)
            try:
                await guarded.stub.GetUserFavorites(asked, metadata=metadata_of(header))
            except grpc.aio.AioRpcError as error:
                told = f"{error.details()} {error.trailing_metadata()}"
            else:
                told = ""
            written = f"{lines} {caplog.text} {told}"
            for part in header.removeprefix("Bearer ").split("."):
                assert len(part) < 10 or part not in written
    assert "somebody@example.com" not in f"{lines} {caplog.text}"


async def test_a_key_that_its_issuer_adds_serves_at_once_and_one_it_takes_away_no_more(guarded, key_set):
    """The file is looked at once an hour here: an unknown key id is what makes the service look."""
    asked = pb.GetUserFavoritesRequest(user_id=7)
    old = metadata_of(f"Bearer {rs256()}")
    new = metadata_of(f"Bearer {rs256(OTHER_KEY, kid='second')}")
    await guarded.stub.GetUserFavorites(asked, metadata=old)
    assert (await told_by_grpc(guarded, new[0][1]))[1] == "TOKEN_KEY"

    write_key_set(key_set, {"first": KEY, "second": OTHER_KEY})
    await guarded.stub.GetUserFavorites(asked, metadata=new)
    await guarded.stub.GetUserFavorites(asked, metadata=old)

    write_key_set(key_set, {"second": OTHER_KEY})
    await told_by_grpc(guarded, f"Bearer {rs256(kid='third')}")
    assert (await told_by_grpc(guarded, old[0][1]))[1] == "TOKEN_KEY"
    await guarded.stub.GetUserFavorites(asked, metadata=new)
