"""Token buckets that all processes share, in Redis.

All judgements of one event-loop tick, and those that arrive while Redis answers the ones before, go as one
script call. What it answers is remembered: tokens leased ahead are spent and refusals repeated without asking,
and while Redis is away the process goes on from what it knew. A Redis that is slow costs one call
`wait_seconds`; after that nobody waits for it until it has answered a probe.

Redis' own clock counts: those of the processes need not agree.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

import redis.asyncio as redis_asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from listings.cache.local_buckets import LocalBuckets, Recent, microseconds
from listings.domain.token_bucket import Rate, until_next

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from listings.limit_metrics import BucketMetrics

log = structlog.get_logger(__name__)

# "Listings' rate limits", and the version of what lies under it: other services may use the same Redis.
PREFIX: Final = "lrl1:"

# KEYS: buckets. ARGV, four per bucket: interval and number of tokens, how many are wanted, and in how many
# microseconds the asking process believes the bucket to be full (a Redis that lost its data learns from that).
# Answers two numbers per bucket: how many tokens were taken, and in how many microseconds it will be full.
# A key is gone once its bucket is full. `domain/token_bucket.py` explains the arithmetic.
SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for place, key in ipairs(KEYS) do
  local interval, tokens = tonumber(ARGV[place * 4 - 3]), tonumber(ARGV[place * 4 - 2])
  local wanted, believed = tonumber(ARGV[place * 4 - 1]), tonumber(ARGV[place * 4])
  local span = interval * tokens
  local stored = tonumber(redis.call('GET', key)) or now
  local full_at = math.min(math.max(stored, now + believed), now + span)
  local granted = math.min(wanted, math.floor((now + span - full_at) / interval))
  full_at = full_at + granted * interval
  if full_at > now and full_at ~= stored then
    redis.call('SET', key, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
  end
  answer[place * 2 - 1] = granted
  answer[place * 2] = full_at - now
end
return answer
"""
_SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

# How long after trouble Redis is asked whether it is back, again and again; the last one repeats.
_PROBE_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)
# A bucket of its own for that: a Redis that cannot write is not back.
_PROBE: Final = ("probe", Rate(1000, 1000))


@dataclass(slots=True)
class _Known:
    """What Redis said about a bucket: tokens that are ours to spend, or 0 for none to be had."""

    rate: Rate
    tokens: int
    until: int


@dataclass(slots=True)
class _Asked:
    """Callers who wait for one bucket, and leased tokens that were left when they came."""

    rate: Rate
    callers: list[asyncio.Future[int]] = field(default_factory=list)
    held: int = 0


class RedisBuckets:
    """One connection, one script call at a time. Not for several threads."""

    def __init__(
        self,
        address: str,
        metrics: BucketMetrics,
        *,
        wait_seconds: float,
        lease_percent: int = 0,
        clock: Callable[[], int] = microseconds,
    ) -> None:
        """`lease_percent` of a limit is taken at a time, for this process to spend within a refill's time.

        Nothing is connected before the first call that is limited.
        """
        # Without time limits of redis-py: ours stands around each call, and its own cost as much as the call.
        pool = redis_asyncio.ConnectionPool.from_url(
            address, socket_timeout=None, socket_connect_timeout=None, retry=Retry(NoBackoff(), 0)
        )
        self._connection = pool.make_connection()  # type: ignore[no-untyped-call] # missing in its stubs
        self._metrics = metrics
        self._wait_seconds = wait_seconds
        self._lease_percent = lease_percent
        self._clock = clock
        self._local = LocalBuckets(metrics, clock=clock)
        self._known: Recent[_Known] = Recent()
        self._asked: dict[str, _Asked] = {}
        self._asking: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None

    def take(self, key: str, rate: Rate) -> int | Awaitable[int]:
        """Take a token: 0, or the microseconds until there is one; at once where that is known."""
        now = self._clock()
        known = self._known.get(key, now)
        if known is not None and known.rate is rate:
            if not known.tokens:
                self._metrics.decided("recent")
                return known.until - now
            known.tokens -= 1
            if not known.tokens:
                self._known.pop(key, now)
            self._metrics.decided("lease")
            return 0
        if self._returning is not None:
            return self._fall_back(key, rate)
        asked = self._asked.get(key)
        if asked is None or asked.rate is not rate:
            asked = self._asked[key] = _Asked(rate, asked.callers if asked is not None else [])
        loop = asyncio.get_running_loop()
        judgement: asyncio.Future[int] = loop.create_future()
        asked.callers.append(judgement)
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(
                self._ask()
            )  # begins with the next tick: the rest of this one joins
        return judgement

    async def close(self) -> None:
        """Close the connection."""
        for task in (self._asking, self._returning):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self._connection.disconnect()

    async def _ask(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            if self._returning is not None:
                self._settle_alone(asked)
                continue
            try:
                answer = await self._call(asked)
            except (RedisError, OSError, TimeoutError) as error:
                self._lost(error)
                self._settle_alone(asked)
            else:
                now = self._clock()
                for place, (key, ask) in enumerate(asked.items()):
                    self._settle(key, ask, answer[place * 2], answer[place * 2 + 1], now)

    async def _call(self, asked: dict[str, _Asked]) -> list[int]:
        """Run the script for these buckets; raises what redis-py raises, and TimeoutError."""
        arguments: list[int] = []
        now = self._clock()
        for key, ask in asked.items():
            held = self._known.pop(key, now)
            ask.held = held.tokens if held is not None and held.rate is ask.rate else 0
            wanted = max(len(ask.callers), ask.rate.tokens * self._lease_percent // 100) - ask.held
            arguments += (ask.rate.interval, ask.rate.tokens, max(0, wanted), self._local.full_in(key, now))
        keys = [PREFIX + key for key in asked]
        began = time.perf_counter()
        async with asyncio.timeout(self._wait_seconds):
            try:
                answer = await self._run("EVALSHA", _SHA, len(keys), *keys, *arguments)
            except NoScriptError:  # a new Redis, or SCRIPT FLUSH; nothing was done
                answer = await self._run("EVAL", SCRIPT, len(keys), *keys, *arguments)
        self._metrics.asked(time.perf_counter() - began)
        return answer

    async def _run(self, *command: str | int) -> list[int]:
        """Send one command over the connection, which is made when there is none."""
        connection = self._connection
        packed = connection.pack_command(*command)
        try:
            await connection.send_packed_command(packed, check_health=False)
            answer = await connection.read_response()
        except redis_asyncio.ConnectionError:
            # Redis closes connections that rested for long. Should it have heard us, tokens are taken twice.
            await connection.send_packed_command(packed, check_health=False)
            answer = await connection.read_response()
        return cast("list[int]", answer)

    def _settle(self, key: str, ask: _Asked, granted: int, full_in: int, now: int) -> None:
        """Tell the callers, and remember what they leave."""
        self._local.learn(key, now + full_in, now)
        next_in = until_next(ask.rate, now + full_in, now)
        callers = [caller for caller in ask.callers if not caller.done()]  # others have hung up
        tokens = granted + ask.held
        for number, caller in enumerate(callers):
            self._metrics.decided("redis")
            caller.set_result(0 if number < tokens else next_in)
        spare = tokens - len(callers)
        if spare > 0:
            until = now + ask.rate.span
            self._known.put(key, _Known(ask.rate, spare, until), until, now)
            self._metrics.leased(max(0, spare - ask.held))
        elif spare < 0:
            self._known.put(key, _Known(ask.rate, 0, now + next_in), now + next_in, now)

    def _settle_alone(self, asked: dict[str, _Asked]) -> None:
        for key, ask in asked.items():
            for number, caller in enumerate(caller for caller in ask.callers if not caller.done()):
                caller.set_result(0 if number < ask.held else self._fall_back(key, ask.rate))

    def _fall_back(self, key: str, rate: Rate) -> int:
        self._metrics.decided("fallback")
        return self._local.judge(key, rate)

    def _lost(self, error: Exception) -> None:
        late = isinstance(error, TimeoutError)
        lost = isinstance(error, OSError | redis_asyncio.ConnectionError)
        self._metrics.failed("timeout" if late else "connection" if lost else "answer")
        if self._returning is None:
            log.warning(
                "rate limits are counted in this process",
                error=type(error).__name__,
                meaning="each process admits up to the whole limit until Redis is back",
            )
            self._returning = asyncio.get_running_loop().create_task(self._until_back())

    async def _until_back(self) -> None:
        key, rate = _PROBE
        nobody = asyncio.get_running_loop().create_future()
        attempt = 0
        while True:
            await asyncio.sleep(_PROBE_SECONDS[min(attempt, len(_PROBE_SECONDS) - 1)])
            try:
                await self._call({key: _Asked(rate, [nobody])})
            except (RedisError, OSError, TimeoutError) as error:
                self._lost(error)
                attempt += 1
            else:
                break
        log.warning("rate limits are shared again")  # as loud as the loss
        self._returning = None
