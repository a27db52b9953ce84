"""Two processes on one database: what one writes, the other stops answering from memory."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis.asyncio as redis_asyncio
from providers.catalog import add_listing
from providers.free_ports import free_port
from structlog.testing import capture_logs

from listings.cache.encoded import EncodedCache
from listings.cache.invalidation import CHANNEL, Invalidations
from listings.cache.redis_bus import RedisBus
from listings.metrics import Metrics
from listings.settings import RedisSettings
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# An answer may be kept for 2 s at most, so only an answer that changes sooner shows that somebody told.
SOON_SECONDS = 1.0
KEPT_SECONDS = 2.0
PATIENT = RedisSettings(timeout_seconds=10)  # a busy machine must not look like a Redis that is away


@pytest.fixture(params=["redis", "postgres"])
def bus(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """Settings that choose what carries the news."""
    if request.param == "postgres":
        return {}
    return {"redis": {"url": request.getfixturevalue("redis_url")}}


async def title_of(service, listing: int) -> str:
    answer = await service.stub.GetListing(pb.GetListingRequest(id=listing))
    return answer.listing.title


async def shown_everywhere(listing: int, title: str, *services: Any) -> None:
    async with asyncio.timeout(10):
        while [await title_of(service, listing) for service in services] != [title] * len(services):
            await asyncio.sleep(0.01)


async def test_the_other_process_forgets_what_one_has_changed(start_service, bus):
    async with start_service(**bus) as one, start_service(**bus) as other:
        listing = await add_listing(one.connections, user_id=7)
        # The first change may come before the other listens; the cache's time bounds that.
        await one.stub.UpdateListing(pb.UpdateListingRequest(id=listing, user_id=7, title="Both listen now"))
        await shown_everywhere(listing, "Both listen now", one, other)
        soonest = KEPT_SECONDS
        for number in range(3):
            title = f"Told at once {number}"
            assert await title_of(other, listing) != title
            started = asyncio.get_running_loop().time()
            await one.stub.UpdateListing(pb.UpdateListingRequest(id=listing, user_id=7, title=title))
            await shown_everywhere(listing, title, other)
            soonest = min(soonest, asyncio.get_running_loop().time() - started)
        assert soonest < SOON_SECONDS


async def seconds_until_told(one: Any, other: Any, listing: int) -> float:
    """The best of a few changes through one process: how soon the other, which had kept an answer, shows it."""
    soonest = KEPT_SECONDS
    for number in range(3):
        title = f"Changed {number} after {await title_of(other, listing)}"[:60]
        started = asyncio.get_running_loop().time()
        await one.stub.UpdateListing(pb.UpdateListingRequest(id=listing, user_id=7, title=title))
        await shown_everywhere(listing, title, other)
        soonest = min(soonest, asyncio.get_running_loop().time() - started)
    return soonest


def texts_lost(service: Any) -> float:
    return service.app.metrics.registry.get_sample_value("listings_cache_messages_lost_total")


async def test_while_redis_is_away_postgresql_carries_the_news(start_service, redis_process):
    server = redis_process()
    given = {"redis": {"url": server.url}}
    async with start_service(**given) as one, start_service(**given) as other:
        listing = await add_listing(one.connections, user_id=7)
        await shown_everywhere(listing, await title_of(one, listing), other)
        server.crash()
        assert await seconds_until_told(one, other, listing) < SOON_SECONDS
        assert await seconds_until_told(other, one, listing) < SOON_SECONDS
        assert texts_lost(one) == texts_lost(other) == 0


async def test_redis_that_is_back_carries_the_news_alone_again(
    start_service, redis_process, dsn, monkeypatch
):
    monkeypatch.setattr("listings.cache.invalidation._SETTLING_SECONDS", 0.1)
    server = redis_process()
    given = {"redis": {"url": server.url}}
    on_redis, on_postgres = asyncio.Queue[str](), asyncio.Queue[str]()
    listener = await asyncpg.connect(dsn)
    await listener.add_listener(CHANNEL, lambda _c, _pid, _channel, text: on_postgres.put_nowait(text))
    async with start_service(**given) as one:
        listing = await add_listing(one.connections, user_id=7)

        async def change(number: int) -> None:
            await one.stub.UpdateListing(
                pb.UpdateListingRequest(id=listing, user_id=7, title=f"Change number {number}")
            )

        server.crash()
        async with asyncio.timeout(20):
            await change(0)
            await on_postgres.get()
            await asyncio.to_thread(server.start)
            bus = RedisBus(PATIENT, server.url)
            connected = asyncio.Event()
            listening = asyncio.create_task(bus.listen(connected.set, on_redis.put_nowait))
            await connected.wait()
            number = 0
            while on_redis.empty() or not on_postgres.empty():
                while not on_postgres.empty():
                    on_postgres.get_nowait()
                while not on_redis.empty():
                    on_redis.get_nowait()
                number += 1
                await change(number)
                # A text of ours through PostgreSQL arrives after everything that was sent there before.
                await listener.execute(f"NOTIFY {CHANNEL}, 'the end'")
                while (await on_postgres.get()) != "the end":
                    on_postgres.put_nowait("through PostgreSQL")
                    break
        listening.cancel()
        await asyncio.wait([listening])
        await bus.close()
        assert await seconds_until_told(one, one, listing) < SOON_SECONDS
    await listener.close()


async def test_a_text_is_not_lost_with_a_connection_that_redis_closed(redis_process):
    """Over TCP: a connection that the other side closed looks open until it is used."""
    server = redis_process(port=free_port())
    bus = RedisBus(PATIENT, server.url)
    await bus.publish("before")
    server.crash()
    await asyncio.to_thread(server.start)
    async with redis_asyncio.Redis.from_url(server.url, decode_responses=True).pubsub() as subscription:
        await subscription.subscribe(CHANNEL)
        assert (await subscription.get_message(timeout=10))["type"] == "subscribe"
        await bus.publish("after")
        assert (await subscription.get_message(timeout=10))["data"] == "after"
    await bus.close()


class LostAtOnce:
    """A bus that connects and is lost, again and again."""

    server = "none"

    def __init__(self) -> None:
        self.connected = 0

    async def publish(self, text: str) -> None: ...

    async def listen(self, on_connected, on_text) -> None:
        self.connected += 1
        on_connected()
        raise ConnectionError


async def test_a_bus_that_was_reached_again_is_soon_asked_again(monkeypatch):
    monkeypatch.setattr("listings.cache.invalidation._RECONNECT_SECONDS", (0.0, 3600.0))
    bus = LostAtOnce()
    metrics = Metrics()
    running = asyncio.create_task(Invalidations(EncodedCache(metrics.cache), bus, metrics.bus).run())
    async with asyncio.timeout(5):
        while bus.connected < 5:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])


async def test_that_a_bus_is_back_is_said_as_loudly_as_that_it_went_away():
    bus = LostAtOnce()
    metrics = Metrics()
    with capture_logs() as lines:
        running = asyncio.create_task(Invalidations(EncodedCache(metrics.cache), bus, metrics.bus).run())
        async with asyncio.timeout(5):
            while bus.connected < 2:
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])
    assert [(line["event"], line["log_level"]) for line in lines[:2]] == [
        ("invalidation bus away", "warning"),
        ("invalidation bus is back", "warning"),
    ]


class Telling:
    """A bus that takes texts or refuses them."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.works = True
        self.asked = 0

    async def publish(self, text: str) -> None:
        self.asked += 1
        if not self.works:
            raise ConnectionError

    async def listen(self, on_connected, on_text) -> None: ...


async def test_an_outage_is_two_lines_and_a_count_however_many_changes_it_sees():
    metrics = Metrics()
    first, second = Telling("redis"), Telling("postgres")
    told = Invalidations(EncodedCache(metrics.cache), first, metrics.bus, second=second)

    async def change(times: int) -> None:
        for number in range(times):
            told.changed(("listing", number))
            await told.flush()

    with capture_logs() as lines:
        await change(3)
        first.works = second.works = False
        await change(5)
        second.works = True
        await change(5)
    assert [(line["event"], line.get("lost")) for line in lines] == [
        ("invalidation not published", None),
        ("invalidations take the second way", 5),
    ]
    assert metrics.registry.get_sample_value("listings_cache_messages_lost_total") == 5
    assert first.asked == 3 + 1  # a server that does not answer is not asked for every change


@asynccontextmanager
async def line_to(socket: str, *, cut: asyncio.Event) -> AsyncIterator[int]:
    """A TCP port before a Redis socket. Once cut it neither carries nor closes, like a machine without power."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            if not cut.is_set():
                writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(socket)
        backwards = asyncio.create_task(carry(back, writer))
        await carry(reader, forth)
        forth.close()
        await backwards
        writer.close()
        served.set()

    served = asyncio.Event()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
    await served.wait()


async def test_a_subscription_that_went_silent_is_given_up(redis_url, monkeypatch):
    monkeypatch.setattr("listings.cache.redis_bus.SILENCE_SECONDS", 0.1)
    cut, connected = asyncio.Event(), asyncio.Event()
    socket = urlsplit(redis_url).path
    async with line_to(socket, cut=cut) as port:
        bus = RedisBus(PATIENT, f"redis://127.0.0.1:{port}/0")
        listening = asyncio.create_task(bus.listen(connected.set, lambda _: None))
        async with asyncio.timeout(10):
            await connected.wait()
            cut.set()
            with pytest.raises(ConnectionError):
                await listening
        await bus.close()


async def test_a_quiet_subscription_is_kept(redis_url, monkeypatch):
    """A busy machine may answer a ping later than a short silence lasts: then a longer one tells."""
    for silence in (0.05, 0.5, 5.0):
        monkeypatch.setattr("listings.cache.redis_bus.SILENCE_SECONDS", silence)
        if await _hears_news_after(3 * silence, redis_url):
            return
    pytest.fail("a subscription is given up although Redis answers its pings")


async def _hears_news_after(seconds: float, address: str) -> bool:
    """Whether a subscription to which nothing was said for so long still stands."""
    bus = RedisBus(PATIENT, address)
    connected, texts = asyncio.Event(), asyncio.Queue[str]()
    listening = asyncio.create_task(bus.listen(connected.set, texts.put_nowait))
    heard = asyncio.create_task(texts.get())
    async with asyncio.timeout(30):
        await connected.wait()
        await asyncio.wait([listening], timeout=seconds)  # the time itself is what is tested
        await bus.publish("news")
        await asyncio.wait([listening, heard], return_when=asyncio.FIRST_COMPLETED)
    still = heard.done()
    heard.cancel()
    listening.cancel()
    await asyncio.gather(heard, listening, return_exceptions=True)
    await bus.close()
    return still


async def test_a_switched_off_cache_listens_to_nobody_and_counts_nothing(start_service, dsn):
    async with start_service(cache={"enabled": False}) as service:
        listing = await add_listing(service.connections, user_id=7)
        for _ in range(3):
            await title_of(service, listing)
        connection = await asyncpg.connect(dsn)
        try:
            listening = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'listings-changes'"
            )
        finally:
            await connection.close()
        assert listening == 0
        samples = [
            sample.value
            for family in service.app.metrics.registry.collect()
            for sample in family.samples
            if sample.name in ("listings_cache_hits_total", "listings_cache_misses_total")
        ]
        assert sum(samples) == 0
