"""A streaming standby of an embedded PostgreSQL: the copy that takes over when the first machine is gone."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from listings.embedded import account as accounts
from listings.embedded.binaries import choose_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from listings.embedded import EmbeddedPostgres

FOLLOWED = {"wal_level": "replica", "max_wal_senders": "4"}
"""Options of a primary that a standby can follow."""


class Standby:
    """A copy that follows its primary until `promote`."""

    def __init__(self, folder: Path, port: int, programs: Path, identity: dict[str, object]) -> None:
        self.folder = folder
        self.port = port
        self._programs = programs
        self._identity = identity

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs, as the user that owns the data."""
        done = subprocess.run(
            [self._programs / program, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a server that pg_ctl starts keeps it
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            text=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            **self._identity,  # type: ignore[call-overload] # user, group and groups
        )
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stderr}")

    def promote(self) -> None:
        """End following; it takes writes when this returns."""
        self.run("pg_ctl", "promote", "--wait", "--pgdata", str(self.folder))

    def pause(self) -> None:
        """Stop the whole server where it is."""
        for process in self._processes():
            process.suspend()

    def go_on(self) -> None:
        """Undo `pause`."""
        for process in self._processes():
            process.resume()

    def _processes(self) -> list[psutil.Process]:
        pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]


@contextmanager
def standby(primary: EmbeddedPostgres, folder: Path, port: int) -> Iterator[Standby]:
    """Copy a running primary (started with TCP), and follow it on `port` of 127.0.0.1."""
    account = accounts.unprivileged(folder)
    programs = accounts.reachable_programs(account, choose_postgres().folder)
    identity: dict[str, object] = dict(account.identity()) if account else {}
    accounts.make_folder(account, folder)
    if account:
        account.own(folder)
    copy = Standby(folder / "standby", port, programs, identity)
    source = urlsplit(primary.tcp_dsn())
    address = f"host=127.0.0.1 port={source.port} user={source.username} password={source.password}"
    copy.run(
        "pg_basebackup", "--pgdata", str(copy.folder), "--dbname", address, "--write-recovery-conf",
        "--wal-method=stream", "--checkpoint=fast",
    )  # fmt: skip
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c synchronous_standby_names=''"
    log = folder / "standby.log"
    copy.run(
        "pg_ctl", "start", "--wait", "--pgdata", str(copy.folder), "--log", str(log), "--options", settings
    )
    try:
        yield copy
    finally:
        copy.go_on()
        copy.run("pg_ctl", "stop", "--mode=immediate", "--wait", "--pgdata", str(copy.folder))
