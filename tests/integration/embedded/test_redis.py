"""A private Redis starts empty, is shared like PostgreSQL, and comes back at the same address."""

from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import redis

from listings.embedded import EmbeddedRedis, EmbeddedServerError
from listings.embedded.binaries import find_redis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from listings.embedded.binaries import Origin


@pytest.mark.parametrize("origin", ["system", "wheel"])
async def test_either_program_serves(short_folder: Path, origin: Origin) -> None:
    try:
        binary = find_redis(origin)
    except EmbeddedServerError:
        pytest.skip(f"no redis-server of the {origin} is here")
    async with EmbeddedRedis(short_folder / "redis", binary=binary) as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()


def test_a_crashed_server_comes_back_empty_at_the_same_address(
    redis_process: Callable[[], EmbeddedRedis],
) -> None:
    server = redis_process()
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
        server.crash()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        server.start()
        assert client.get("key") is None


def test_it_ends_with_its_last_user(short_folder: Path) -> None:
    first, second = EmbeddedRedis(short_folder / "redis"), EmbeddedRedis(short_folder / "redis")
    first.start()
    second.start()
    first.stop()
    with redis.Redis.from_url(second.url) as client:
        assert client.ping()
    second.stop()
    with redis.Redis.from_url(second.url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_it_ends_even_where_its_number_is_written_late(short_folder: Path) -> None:
    server = EmbeddedRedis(short_folder / "redis")
    server.start()
    number, hidden = short_folder / "redis" / "server.pid", short_folder / "hidden"
    number.rename(hidden)  # as long as the guard has not come to write it
    with ThreadPoolExecutor(1) as stopping, redis.Redis.from_url(server.url) as client:
        stopped = stopping.submit(server.stop)
        while is_free(short_folder / "redis" / "starting.lock"):
            assert not stopped.done()
        assert client.ping()
        hidden.rename(number)
        stopped.result()
        with pytest.raises(redis.ConnectionError):
            client.ping()


def is_free(lock: Path) -> bool:
    with lock.open() as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_path_too_long_for_a_socket_is_refused(short_folder: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="too long"):
        EmbeddedRedis(short_folder / ("a-long-name-" * 10))
