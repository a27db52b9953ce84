"""Starts the workers, watches them, starts dead ones anew, stops them, and makes one page of all their metrics.

`app.py` puts it where otherwise the gRPC server is. Workers are processes of their own from the start, not forks:
grpcio does not survive one. They share the gRPC port through SO_REUSEPORT, by which the kernel spreads connections
(not calls).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from listings.doctor import ports
from listings.workers.channel import Channel, ask, greet, send_settings
from listings.workers.merging import lasting, merged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from listings.settings import Settings
    from listings.state_metrics import WorkerMetrics

log = structlog.get_logger(__name__)

_COMMAND: Final = (sys.executable, "-m", "listings", "worker")
# A worker that dies is started again after a pause that doubles with each death, until one has lived for a while.
_PAUSE_SECONDS: Final = (0.1, 10.0)
_LONG_LIFE_SECONDS: Final = 60.0
# What a worker may need beyond its own limits to end; then it is killed, so that Kubernetes need not kill us.
_GRACE_SECONDS: Final = 2.0
# A scrape waits so long for a worker; then it shows what that worker last said.
_LOOK_SECONDS: Final = 2.0
# A worker is asked for a sign of life so often, and hangs when it has not given one for so many such waits: no event loop
# that serves is busy for ten seconds. Several waits, because a machine that stood still ends one at once, not all.
_GREET_SECONDS: Final = 2.0
_GREETS: Final = 5


class Workers(Collector):
    """All workers of one supervisor; in the place of `GrpcServer`, and its workers' metrics as a collector."""

    def __init__(self, settings: list[Settings], metrics: WorkerMetrics, own: CollectorRegistry) -> None:
        """`settings` of each worker; `own` is the supervisor's registry, which the page shows too."""
        self._server = settings[0].server
        self._metrics = metrics
        self._own = own
        self._workers = [_Worker(number, each) for number, each in enumerate(settings, 1)]
        self._tending: list[asyncio.Task[None]] = []
        self._past: list[Metric] = []
        self._leaving = asyncio.Event()
        self._reserved: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = 0
        # Once drained: whether a worker was cut off, and calls with it.
        self.ended_badly = False
        # What `/metrics` shows instead of `own`.
        self.registry = CollectorRegistry()
        self.registry.register(self)
        metrics.count(wanted=len(self._workers), serving=0)

    async def start(self) -> None:
        """Start all, and wait until all serve; raises RuntimeError when one does not, or the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._reserved = _reserved(self._server.grpc_host, self._server.grpc_port)
        self.port = self._reserved.getsockname()[1]
        self._tending = [self._loop.create_task(self._tend(worker)) for worker in self._workers]
        serving = self._loop.create_task(self._all_serve())
        done, _ = await asyncio.wait([serving, *self._tending], return_when=asyncio.FIRST_COMPLETED)
        if serving not in done:
            serving.cancel()
            raise RuntimeError("a worker ended before it served; its own log lines say why")

    async def report_health(self, *, serving: bool) -> None:
        """Nothing to do: each worker watches the database itself and answers for itself."""

    async def leave(self) -> None:
        """Tell all workers to stop; each sends its clients elsewhere first."""
        self._leaving.set()
        for worker in self._workers:
            worker.terminate()

    async def drain(self) -> None:
        """Wait for the workers to finish their calls; those that take longer than they may are killed."""
        await self.leave()
        server = self._server
        if self._tending:
            await asyncio.wait(
                self._tending, timeout=server.drain_delay_seconds + server.drain_seconds + _GRACE_SECONDS
            )
            for worker in self._workers:
                worker.kill()
            await asyncio.gather(*self._tending, return_exceptions=True)
        if self._reserved is not None:
            self._reserved.close()

    def state(self) -> str:
        """`ok`, or which workers do not serve."""
        down = [worker.described() for worker in self._workers if not worker.serves]
        return "; ".join(down) or "ok"

    def collect(self) -> Iterable[Metric]:
        """The families of all processes together; called in the thread of a scrape."""
        if self._loop is None:
            return self._own.collect()
        parts = asyncio.run_coroutine_threadsafe(self._looked(), self._loop).result()
        return merged([self._own.collect(), *parts])

    async def _looked(self) -> list[list[Metric]]:
        await asyncio.gather(*(worker.look() for worker in self._workers))
        return [*(worker.last for worker in self._workers), self._past]

    async def _all_serve(self) -> None:
        for worker in self._workers:
            await worker.served.wait()

    async def _tend(self, worker: _Worker) -> None:
        """Keep one worker running; ends when it is told to stop, or when it never served."""
        pause, longest = _PAUSE_SECONDS
        while not self._leaving.is_set():
            began = time.monotonic()
            code = await self._live(worker)
            if self._leaving.is_set():
                # One that serves ends by itself when it is told to; a new one may not have come to that yet.
                if code not in (0, -signal.SIGTERM):
                    log.warning("worker ended badly", number=worker.number, code=code)
                    self.ended_badly = True
                return
            log.error("worker died", number=worker.number, code=code, restarts=worker.restarts)
            if not worker.served.is_set():
                return
            pause = _PAUSE_SECONDS[0] if time.monotonic() - began > _LONG_LIFE_SECONDS else pause
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._leaving.wait()
                return
            pause = min(pause * 2, longest)
            worker.restarts += 1
            self._metrics.restarted()

    async def _live(self, worker: _Worker) -> int:
        """One life of a worker; its exit code. What happened in it stays on the page."""
        watching: asyncio.Task[None] | None = None
        try:
            await worker.start(self.port)
            if self._leaving.is_set():
                worker.terminate()
            if await worker.begins_to_serve():
                self._count()
                log.info("worker serves", number=worker.number, pid=worker.pid)
                watching = asyncio.get_running_loop().create_task(self._watch(worker))
            return await worker.wait()
        finally:
            if watching is not None:
                watching.cancel()
            await worker.end()
            self._past = merged([self._past, lasting(worker.last)])
            worker.last = []
            self._count()

    async def _watch(self, worker: _Worker) -> None:
        """End a worker that lives and does not answer: the kernel goes on giving it connections."""
        if await worker.hangs():
            log.error("worker hangs", number=worker.number, pid=worker.pid, seconds=_GREET_SECONDS * _GREETS)
            worker.kill()

    def _count(self) -> None:
        self._metrics.count(wanted=len(self._workers), serving=sum(worker.serves for worker in self._workers))


class _Worker:
    """One worker, in one life after the other."""

    def __init__(self, number: int, settings: Settings) -> None:
        self.number = number
        self._settings = settings
        self.restarts = 0
        self.serves = False
        # Set once it has served for the first time.
        self.served = asyncio.Event()
        # What it said about its metrics last.
        self.last: list[Metric] = []
        self._process: asyncio.subprocess.Process | None = None
        self._channel: Channel | None = None
        self._looking: asyncio.Task[None] | None = None
        # One question at a time.
        self._asking = asyncio.Lock()
        self._told_to_stop = False

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    def described(self) -> str:
        return f"worker {self.number} is down (started again {self.restarts} times)"

    async def start(self, port: int) -> None:
        server = self._settings.server.model_copy(update={"grpc_port": port})
        self._told_to_stop = False
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in a terminal is for the supervisor, which then stops its workers.
            self._process = await asyncio.create_subprocess_exec(
                *_COMMAND, stdin=theirs.fileno(), start_new_session=True, env=_environment()
            )
        self._channel = await Channel.over(ours)
        with suppress(ConnectionError):
            settings = self._settings.model_copy(update={"server": server})
            await send_settings(self._channel, self.number, settings)

    async def begins_to_serve(self) -> bool:
        """Wait until it serves; false when it ended before."""
        assert self._channel is not None
        with suppress(ConnectionError):
            await self._channel.read()
            self.serves = True
            self.served.set()
        return self.serves

    async def wait(self) -> int:
        assert self._process is not None
        return await self._process.wait()

    async def look(self) -> None:
        """Ask for its metrics; keeps what is known where it is not there or does not answer in time."""
        if not self.serves:
            return
        if self._looking is None or self._looking.done():
            # Scrapes that come together share the question, and a later one an answer that came too late.
            self._looking = asyncio.get_running_loop().create_task(self._ask())
        await asyncio.wait([self._looking], timeout=_LOOK_SECONDS)

    async def _ask(self) -> None:
        assert self._channel is not None
        with suppress(ConnectionError):
            async with self._asking:
                self.last = await ask(self._channel)

    async def hangs(self) -> bool:
        """Wait until it has not answered for a while; false when it ended instead."""
        while True:
            await asyncio.sleep(_GREET_SECONDS)
            greeting = asyncio.get_running_loop().create_task(self._greet())
            try:
                for _ in range(_GREETS):
                    await asyncio.wait([greeting], timeout=_GREET_SECONDS)
                    if greeting.done():
                        break
                else:
                    return True
            finally:
                greeting.cancel()
            if not greeting.result():
                return False

    async def _greet(self) -> bool:
        assert self._channel is not None
        try:
            async with self._asking:
                await greet(self._channel)
        except ConnectionError:
            return False
        return True

    def terminate(self) -> None:
        """Once: the second signal would end it in the middle of its calls."""
        if self._process is not None and self._process.returncode is None and not self._told_to_stop:
            self._told_to_stop = True
            with suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> None:
        """Make sure that it is gone, and forget it."""
        self.serves = False
        if self._looking is not None:
            self._looking.cancel()
        if self._process is not None:
            self.kill()
            await self._process.wait()
        if self._channel is not None:
            self._channel.close()
        self._process = self._channel = self._looking = None


def shared_out(settings: Settings) -> list[Settings]:
    """The settings of the supervisor, then of each worker: together they hold the configured sessions of PostgreSQL."""
    workers = settings.server.workers
    each, over = divmod(settings.database.pool_size, workers + 1)
    shares = [each, *(each + (number < over) for number in range(workers))]
    return [
        settings.model_copy(
            update={"database": settings.database.model_copy(update={"pool_size": max(1, sessions)})}
        )
        for sessions in shares
    ]


def _environment() -> dict[str, str]:
    """Without our settings: the channel tells them, and what is not there cannot contradict."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LISTINGS_")}


def _reserved(host: str, port: int) -> socket.socket:
    """The port, ours as long as the socket is open: it does not listen, so the kernel gives it no connections.

    Raises RuntimeError when somebody listens there: workers would share its port without a word.
    """
    ports.require_free(host, port, edge="gRPC", named="LISTINGS_GRPC_PORT")
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind((host, port))
    return found
