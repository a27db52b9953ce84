"""One server process per folder, shared by all processes that use it and ended with the last of them.

`EmbeddedPostgres` and `EmbeddedRedis` say what to run; this module decides whether to start it or
to join one that runs, and when to end it. Three lock files carry the whole protocol, because the
kernel drops locks when a process dies and pid files lie after kill -9:

    starting.lock   exclusive while somebody starts or stops the server
    users.lock      shared by every user; the guard waits for it exclusively (see guard.py)
    alive.lock      inherited by the server's processes: taken as long as one of them lives
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from listings.embedded.errors import EmbeddedServerError, explain, tail

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Mapping, Sequence

_POLL_SECONDS: Final = 0.005
# Starting may include recovery after a crash, stopping writes a checkpoint; both take long only on a busy machine.
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """What to run, as whom, with which environment."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    identity: Mapping[str, Any] = field(default_factory=dict)


class SharedServer:
    """This process's share in the server of one folder."""

    def __init__(self, folder: Path, *, name: str, stop_signal: signal.Signals) -> None:
        self._name = name
        self._stop_signal = stop_signal
        self._folder = folder
        self._users: int | None = None
        self.log = folder / "server.log"
        self._pid_file = folder / "server.pid"

    @property
    def joined(self) -> bool:
        """Whether this process counts as a user now."""
        return self._users is not None

    def join(self, prepare: Callable[[], ServerCommand], is_ready: Callable[[], bool]) -> bool:
        """Become a user of the running server, starting it first if need be; True if this call started it.

        `prepare` runs only when nothing runs, and alone: no two processes create a data folder at once.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        was_joined = self.joined
        with self._starting():
            if self._users is None:
                self._users = self._open("users.lock")
            try:
                # Waits for a guard that is just ending the server: it holds this lock until all is down.
                self._lock(self._users, fcntl.LOCK_SH, _STOP_SECONDS, "the server to finish shutting down")
                return self._start_or_attach(prepare, is_ready)
            except BaseException:
                if not was_joined:
                    self._forget()
                raise

    def _start_or_attach(self, prepare: Callable[[], ServerCommand], is_ready: Callable[[], bool]) -> bool:
        alive = self._open("alive.lock")
        started = False
        try:
            # Taken means: a server runs, starts, or (killed a moment ago) dies. Only the last one ends by itself.
            deadline = time.monotonic() + _START_SECONDS
            while not self._try_lock(alive, fcntl.LOCK_EX):
                if is_ready():
                    return False
                self._pause(deadline, f"{self._name} in {self._folder} runs but does not get ready", self.log)
            command = prepare()
            self._spawn(command, alive)
            started = True
        finally:
            os.close(alive)  # the server holds it through its own copy of the descriptor
        self._wait_until_ready(is_ready)
        return started

    def _spawn(self, command: ServerCommand, alive: int) -> None:
        self.log.unlink(missing_ok=True)
        self._pid_file.unlink(missing_ok=True)
        plan = {
            "command": list(command.argv),
            "env": dict(command.env),
            "cwd": str(command.cwd),
            "identity": dict(command.identity),
            "log": str(self.log),
            "pid_file": str(self._pid_file),
            "users_lock": str(self._folder / "users.lock"),
            "alive_fd": alive,
            "stop_signal": int(self._stop_signal),
        }
        guard = str(Path(__file__).with_name("guard.py"))
        subprocess.run(  # noqa: S603 - our own interpreter and script, no shell
            [sys.executable, "-I", "-S", guard],
            pass_fds=[alive],
            input=json.dumps(
                plan
            ).encode(),  # not an argument: those are public, and an environment has secrets
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def _wait_until_ready(self, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not is_ready():
            if not self.alive():
                message = explain(f"{self._name} in {self._folder} did not start", tail(self.log))
                raise EmbeddedServerError(message)
            self._pause(deadline, f"{self._name} in {self._folder} does not get ready", self.log)

    def leave(self) -> None:
        """Stop being a user; the last one to leave ends the server and returns when it is gone."""
        if self._users is None:
            return
        with self._starting():
            try:
                if self._try_lock(self._users, fcntl.LOCK_EX):
                    self._end(self._stop_signal)
                else:
                    # Others use it, or the guard was quicker between our two locks and is ending it: then this waits.
                    self._lock(
                        self._users, fcntl.LOCK_SH, _STOP_SECONDS, "the server to finish shutting down"
                    )
            finally:
                self._forget()

    def end(self, how: signal.Signals) -> None:
        """Send the server a signal that ends it, whoever uses it, and return when it is gone. We stay a user."""
        with self._starting():
            self._end(how)

    def alive(self) -> bool:
        """Whether any process of the server lives."""
        descriptor = self._open("alive.lock")
        try:
            # Shared: two processes that ask at once must not take each other for the server.
            return not self._try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def pid(self) -> int | None:
        """Return the number of the server's first process, which may have died since; None where none was started."""
        try:
            return int(self._pid_file.read_text())
        except FileNotFoundError:
            return None

    def send(self, which: signal.Signals) -> bool:
        """Send a signal to the server's first process, if it lives; whether there was one to send it to."""
        pid = self.pid()
        if pid is None or not self.alive():
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, which)
        return True

    def _end(self, how: signal.Signals) -> None:
        told = False
        deadline = time.monotonic() + _STOP_SECONDS
        while self.alive():
            # A server may answer before its guard has written its number down.
            told = told or self.send(how)
            self._pause(deadline, f"{self._name} in {self._folder} does not stop", self.log)
        self._pid_file.unlink(missing_ok=True)

    def _forget(self) -> None:
        if self._users is not None:
            os.close(self._users)
            self._users = None

    @contextmanager
    def _starting(self) -> Iterator[None]:
        descriptor = self._open("starting.lock")
        try:
            self._lock(
                descriptor, fcntl.LOCK_EX, 2 * _START_SECONDS, "another process that starts the server"
            )
            yield
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        path = self._folder / name
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            message = (
                f"{self._folder} belongs to another user of this machine (cannot open {path.name}): "
                "choose another folder, or start as the user who made it"
            )
            raise EmbeddedServerError(message) from error

    def _lock(self, descriptor: int, how: int, seconds: float, waiting_for: str) -> None:
        deadline = time.monotonic() + seconds
        while not self._try_lock(descriptor, how):
            self._pause(deadline, f"waited in vain for {waiting_for} ({self._folder})", self.log)

    @staticmethod
    def _try_lock(descriptor: int, how: int) -> bool:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @staticmethod
    def _pause(deadline: float, complaint: str, log: Path) -> None:
        if time.monotonic() > deadline:
            raise EmbeddedServerError(explain(complaint, tail(log)))
        time.sleep(_POLL_SECONDS)
