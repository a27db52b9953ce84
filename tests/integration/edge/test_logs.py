"""What a running service writes down, and what it does not."""

from __future__ import annotations

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
