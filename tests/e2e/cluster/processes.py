"""Processes that outlive the command that starts them, or must not outlive it: the parts of a cluster.

A pid file holds the pid and the moment the process started, so a number that the kernel gave to
somebody else is never taken for ours, and never killed.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_POLL_SECONDS: Final = 0.1
_LINES_SHOWN: Final = 15
_KILL_GRACE_SECONDS: Final = 5.0


class ClusterError(Exception):
    """A cluster could not be started, used or stopped; the text says what to look at."""


def say(message: str) -> None:
    """Tell whoever waits; standard output belongs to what a shell evaluates."""
    print(f"cluster: {message}", file=sys.stderr, flush=True)


def run(*command: str | Path, stdin: str | None = None, check: bool = True) -> str:
    """Run a command to its end and return what it printed; raise ClusterError when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, input=stdin, text=True, capture_output=True, check=False)
    if check and done.returncode:
        raise ClusterError(
            f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}".rstrip()
        )
    return done.stdout


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait until nobody else, of any process, is in a block with this lock."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of one state folder: pid files in run/, output in log/."""

    folder: Path
    die_with_parent: bool = False
    """For tests: the kernel ends the process when the test runner dies, however it dies."""

    def start(self, name: str, *command: str | Path) -> None:
        """Start a process, unless it runs already."""
        if self.pid(name):
            return
        log = self.log(name)
        for file in (log, self._pid_file(name)):
            file.parent.mkdir(parents=True, exist_ok=True)
        prefix = ["setpriv", "--pdeathsig", "KILL"] if self.die_with_parent else []
        words = [*prefix, *map(str, command)]
        # Not subprocess: its objects want to be waited for, and these processes stay when we go.
        pid = os.posix_spawnp(
            words[0],
            words,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        self._pid_file(name).write_text(f"{pid} {_started_at(pid)}")

    def pid(self, name: str) -> int | None:
        """Return the pid of a process that was started here and still runs."""
        try:
            pid, started_at = self._pid_file(name).read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if _started_at(int(pid)) == started_at else None

    def stop(self, name: str, *, grace_seconds: float = 15.0) -> None:
        """Ask a process to end; after the grace, end it. Does nothing when it does not run."""
        for number, patience in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, _KILL_GRACE_SECONDS)):
            pid = self.pid(name)
            if pid is None:
                break
            os.kill(pid, number)
            deadline = time.monotonic() + patience
            while self.pid(name) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS / 2)
            _reap(pid)
        if self.pid(name):
            raise ClusterError(f"{name} does not end; see {self.log(name)}")
        self._pid_file(name).unlink(missing_ok=True)

    def wait(self, what: str, holds: Callable[[], bool], *, needs: str = "", seconds: float = 120.0) -> None:
        """Wait until something holds; give up when the process it needs has died, and show why."""
        deadline = time.monotonic() + seconds
        last: Exception | None = None
        while True:
            try:
                if holds():
                    return
            except (OSError, ValueError, KeyError, ClusterError) as error:
                last = error
            if needs and not self.pid(needs):
                raise ClusterError(f"{needs} died:\n{self.last_lines(needs)}")
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"waited {seconds:.0f} s in vain for: {what} ({last}); logs are in {self.folder / 'log'}"
                )
            time.sleep(_POLL_SECONDS)

    def log(self, name: str) -> Path:
        """Return where a process writes."""
        return self.folder / "log" / f"{name}.log"

    def last_lines(self, name: str) -> str:
        """Return the end of a process's output."""
        lines = self.log(name).read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LINES_SHOWN:])

    def resident_mib(self, name: str) -> int:
        """Return how much memory a process holds; 0 when it does not run."""
        pid = self.pid(name)
        if pid is None:
            return 0
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
        return 0

    def _pid_file(self, name: str) -> Path:
        return self.folder / "run" / f"{name}.pid"


def environment_path() -> str:
    """Return PATH with the folders of system programs, which an ordinary shell leaves out."""
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


def first_line(command: Sequence[str | Path]) -> str:
    """Return the first line that a command prints, or nothing when it cannot run."""
    try:
        return run(*command).partition("\n")[0]
    except (OSError, ClusterError):
        return ""


def _started_at(pid: int) -> str | None:
    """Return when a process began, in the kernel's ticks; None when there is none, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _reap(pid: int) -> None:
    """Take the exit status of a child, so that it does not stay as a zombie of a long test run."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # started by an earlier command: its parent is gone, init takes it
