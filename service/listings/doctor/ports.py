"""Whether a port can be listened on, and who has it when not. Used by `listings doctor` and `listings dev`."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

_LISTENING: Final = "0A"


def why_not(host: str, port: int) -> OSError | None:
    """The error of listening there, or None where it works; port 0 always works."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: a port that only waits for old connections to fade is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def require_free(host: str, port: int, *, edge: str, named: str) -> None:
    """Raise RuntimeError where one cannot listen: sockets that share a port would share it with a stranger too.

    `edge` and `named` are what listens there and its setting, for whoever reads the error.
    """
    error = why_not(host, port)
    if error is not None:
        raise RuntimeError(
            f"cannot listen on {host}:{port} for {edge} ({os.strerror(error.errno or 0)}): "
            f"choose another {named} or stop what uses it"
        )


def is_taken(error: OSError) -> bool:
    """Whether somebody else listens there (and not a missing right or address)."""
    return error.errno == errno.EADDRINUSE


def holder_of(port: int) -> str:
    """Who listens on the port, for people: `redis-server (pid 812)`; best effort, never raises."""
    with suppress(OSError):
        pid = _pid_from_proc(port)
        if pid is not None:
            return _described(pid)
    lsof = shutil.which("lsof")
    if lsof:
        with suppress(OSError, subprocess.SubprocessError):
            answer = subprocess.run(  # noqa: S603 - a program from PATH, no shell
                [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"],
                capture_output=True,
                text=True,
                check=False,
                timeout=5,
            )
            facts = {line[0]: line[1:] for line in answer.stdout.splitlines() if line}
            if "p" in facts:
                return f"{facts.get('c', 'a process')} (pid {facts['p']})"
    return "another process (of another user, or outside this container)"


def starter_of(port: int) -> str:
    """Who started the one that listens on the port, as `holder_of` would say it; nothing where that cannot be told."""
    with suppress(OSError):
        pid = _pid_from_proc(port)
        if pid is not None:
            # After the program's name, which may hold blanks and brackets: its state, then its parent.
            facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return _described(int(facts[1]))
    return ""


def _described(pid: int) -> str:
    return f"{Path(f'/proc/{pid}/comm').read_text().strip()} (pid {pid})"


def _pid_from_proc(port: int) -> int | None:
    """Linux tells the socket's inode in /proc/net, and each process its inodes in /proc/<pid>/fd."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{columns[9]}]")
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in inodes:
                        return int(process.name)
    return None
