"""The parts under measurement, each a process of its own, and what CPU and memory they use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from providers.free_ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


class Part:
    """One process and its children."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree so far, ended children included."""
        own = self._process.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in self._process.children(recursive=True):
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return float(total)

    def rss_mib(self) -> float:
        return float(self._process.memory_info().rss) / 2**20


class Serving(Part):
    """A process that serves gRPC, and where it listens."""

    def __init__(self, process: subprocess.Popen[bytes], grpc_port: int) -> None:
        super().__init__(process.pid)
        self.process = process
        self.grpc_port = grpc_port
        self.address = f"127.0.0.1:{grpc_port}"


class Listings(Serving):
    """`listings serve` on ports of its own, which it keeps when it is started again.

    `program`: what the interpreter runs in place of the package.
    """

    def __init__(
        self,
        dsn: str,
        log: Path,
        environment: dict[str, str],
        program: tuple[str, ...] = ("-m", "listings"),
    ) -> None:
        grpc_port, http_port = free_ports(2)
        self.http = f"http://127.0.0.1:{http_port}"
        self._log = log
        self._program = program
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("LISTINGS_")},
            "LISTINGS_DATABASE_URL": dsn,
            "LISTINGS_GRPC_HOST": "127.0.0.1",
            "LISTINGS_HTTP_HOST": "127.0.0.1",
            "LISTINGS_GRPC_PORT": str(grpc_port),
            "LISTINGS_HTTP_PORT": str(http_port),
            "LISTINGS_DRAIN_DELAY_SECONDS": "0.5",
            "LISTINGS_LOG_LEVEL": "warning",
            **environment,
        }
        super().__init__(self._spawn(), grpc_port)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *self._program, "serve"],
                env=self._environment,
                stdout=output,
                stderr=output,
            )

    def terminate(self) -> float:
        """SIGTERM, and the seconds until it was gone; raises when it ended with an error."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60):
            raise RuntimeError(f"it ended with {self.process.returncode}:\n{self.end_of_log()}")
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def start_again(self, *, seconds: float = 90) -> None:
        """A new process on the same ports, ready when this returns."""
        self.process = self._spawn()
        self.wait_ready(seconds=seconds)

    def wait_ready(self, *, seconds: float = 90) -> None:
        """Until `/health/ready` answers 200; raises with the log's end when it died or took too long."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.http}/health/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)  # a poll of a foreign process, bounded by give_up
        raise RuntimeError(f"the service did not start:\n{self.end_of_log()}")

    def metric(self, name: str) -> float:
        """What a metric's series on the page add up to."""
        with urllib.request.urlopen(f"{self.http}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.partition("{")[0].split(" ")[0] == name)

    def end_of_log(self) -> str:
        return self._log.read_text()[-3000:]


def workers_of(serving: Listings) -> list[psutil.Process]:
    """The live worker processes of a service that has several."""
    found = []
    for child in psutil.Process(serving.process.pid).children():
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and "worker" in child.cmdline():
                found.append(child)
    return found


@contextmanager
def listings_server(
    dsn: str, *, log: Path, program: tuple[str, ...] = ("-m", "listings"), **environment: str
) -> Iterator[Listings]:
    """A service that is ready when the block begins and stopped when it ends."""
    serving = Listings(dsn, log, environment, program)
    try:
        serving.wait_ready()
        yield serving
        if serving.process.poll() is None:
            serving.terminate()
    finally:
        if serving.process.poll() is None:
            serving.kill()


@contextmanager
def empty_server(answer: Path) -> Iterator[Serving]:
    """The yardstick server of `empty_server.py`."""
    process = subprocess.Popen([sys.executable, HERE / "empty_server.py", answer], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield Serving(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
