"""What a running service writes down, and what it does not."""

from __future__ import annotations

import asyncio

from providers.catalog import add_listing
from structlog.testing import capture_logs

from listings.db.statements import Statement
from listings.v1 import listings_pb2 as pb


async def test_calls_that_succeed_leave_no_line(rest_of):
    service, http = rest_of
    listing = await add_listing(service.connections, user_id=7)
    with capture_logs() as lines:
        await service.stub.GetListing(pb.GetListingRequest(id=listing))
        await service.stub.AddToFavorites(pb.AddToFavoritesRequest(user_id=9, listing_id=listing))
        assert (await http.get(f"/api/v1/listings/{listing}")).status_code == 200
    assert [line for line in lines if line["log_level"] != "debug"] == []


async def test_a_slow_statement_is_named_with_its_time_and_without_its_values(start_service):
    async with start_service(database={"slow_statement_seconds": 0.01}) as service:
        with capture_logs() as lines:
            slow = Statement("test.slow", "SELECT pg_sleep(0.05), $1::text")
            await service.connections.fetch(slow, "a secret of the caller")
    # On a busy machine statements of the service itself may be slow too.
    (line,) = [line for line in lines if line.get("statement") == "test.slow"]
    assert line["event"] == "slow statement"
    assert line["seconds"] >= 0.05
    assert "secret" not in str(line)


async def test_who_speaks_no_http_to_the_http_port_is_named(service, caplog):
    with capture_logs() as lines:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.app.http_port)
        host, port = writer.get_extra_info("sockname")
        writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")  # as a TLS client begins
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    said = [line for line in lines if line["event"] == "not an HTTP request"]
    assert [(line["peer"], line["log_level"]) for line in said] == [(f"{host}:{port}", "warning")]
    assert "Invalid HTTP request received." not in caplog.messages  # uvicorn's own, which names nobody
