"""A network that swallows everything and says nothing: sessions that were open stay so, and nobody answers there."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from providers.sessions import COUNT_HELD_UP
from providers.tcp_proxy import TcpProxy

from listings.db.connections import Connections
from listings.db.statements import Statement
from listings.domain.errors import Unavailable
from listings.metrics import Metrics
from listings.settings import DatabaseSettings

PID = Statement("test.pid", "SELECT pg_backend_pid()")
COUNT = Statement("test.count", "SELECT count(*) FROM listings")


@pytest.fixture
async def network(postgres):
    if postgres.tcp_address is None:
        pytest.skip("a given server has no second address, and a proxy cannot stand in front of a socket")
    at = urlsplit(postgres.tcp_address)
    async with TcpProxy(("127.0.0.1", at.port)) as proxy:
        yield proxy


@pytest.fixture
async def connections(network, postgres, dsn, request):
    at = urlsplit(postgres.tcp_dsn(urlsplit(dsn).path[1:]))
    url = urlunsplit(at._replace(netloc=f"{at.username}:{at.password}@127.0.0.1:{network.port}"))
    settings = DatabaseSettings.model_validate(
        {
            "url": url,
            "pool_size": 2,
            "statement_timeout_seconds": getattr(request, "param", 0.5),
            "acquire_timeout_seconds": 30,
        }
    )
    pool = Connections(settings, Metrics().database)
    yield pool
    await pool.close()


async def both(connections) -> set[int]:
    """The backends of both sessions, which are idle afterwards."""
    async with connections.session() as first, connections.session() as second:
        return {await first.fetchval(PID), await second.fetchval(PID)}


async def only_new_sessions(connections, dead) -> None:
    """Soon every caller gets an answer, from sessions that are not the dead ones; until then some are refused."""
    async with asyncio.timeout(20):
        while True:
            try:
                if not dead & await both(connections):
                    return
            except Unavailable:
                continue


async def test_sessions_that_were_open_are_given_up_together_after_one_did_not_answer_a_cancel(
    network, connections
):
    dead = await both(connections)
    network.silent = True
    asking = asyncio.create_task(connections.fetchval(PID))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    network.forget()
    network.silent = False
    await only_new_sessions(connections, dead)


async def test_a_caller_without_a_deadline_is_told_after_the_time_that_postgresql_has(network, connections):
    dead = await both(connections)
    network.silent = True
    with pytest.raises(Unavailable):
        await connections.fetchval(PID)
    network.forget()
    network.silent = False
    await only_new_sessions(connections, dead)


async def test_a_session_is_lent_again_once_its_cancelled_statement_has_ended(network, connections):
    alive = await both(connections)
    asking = asyncio.create_task(connections.fetchval(PID))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert alive == await both(connections)


@pytest.mark.parametrize("connections", [30], indirect=True)  # PostgreSQL must not end it by itself
@pytest.mark.parametrize("borrow", ["session", "transaction"])
async def test_a_request_to_cancel_that_overtakes_its_statement_is_repeated(
    network, connections, dsn, borrow
):
    alive = await both(connections)
    borrowed, go = asyncio.Event(), asyncio.Event()

    async def ask() -> None:
        async with getattr(connections, borrow)() as session:
            borrowed.set()
            await go.wait()
            await session.fetchval(COUNT)

    holder, watcher = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE listings")
            asking = asyncio.create_task(ask())
            await borrowed.wait()
            held_up = network.forget()  # what is sent from here on arrives later
            go.set()
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.sleep(
                0.05
            )  # the request to cancel goes over a connection of its own, and finds nothing
            held_up.set()
            async with asyncio.timeout(20):
                while connections.state().idle < 2:
                    await asyncio.sleep(0.01)
                with pytest.raises(asyncio.CancelledError):
                    await asking
            assert not await watcher.fetchval(COUNT_HELD_UP)
        assert alive == await both(connections)
    finally:
        await holder.close()
        await watcher.close()
