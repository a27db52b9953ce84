"""Starts a private PostgreSQL in a folder, for `make run`, `listings dev` and the tests.

Several processes may start the same folder: the first starts the server, the others join it, and
it ends with the last of them (lifetime.py). The data stays for the next start.

    async with EmbeddedPostgres(Path(".data/postgres")) as server:
        pool = await asyncpg.create_pool(server.dsn())

Access: through a Unix socket in a folder that only the server's user (and root) may enter, so it
needs no password; TCP is off unless a port is asked for, and then asks for a generated password,
because everybody on the machine can reach 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

from listings.embedded import account as accounts
from listings.embedded.binaries import PostgresBinaries, choose_postgres
from listings.embedded.errors import EmbeddedServerError, explain
from listings.embedded.lifetime import ServerCommand, SharedServer

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

_FIRST_WITH_OWN_LOCALE: Final = 17
_USER: Final = "listings"
_PORT_ATTEMPTS: Final = 3
_SOCKET_PORT: Final = 5432  # only names the socket file while TCP is off
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_LONGEST_SOCKET_PATH: Final = 103
_UNDURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_HOW_TO_STOP: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}


@dataclass(frozen=True, slots=True)
class _Running:
    """What a running server says about itself in `postmaster.pid`."""

    pid: int
    port: int
    socket_folder: str
    tcp_host: str


class EmbeddedPostgres:
    """A private PostgreSQL server; its methods block, `async with` does not."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        options: Mapping[str, str] | None = None,
        binaries: PostgresBinaries | None = None,
        database: str = "listings",
    ) -> None:
        """Describe the server; nothing happens before `start`.

        `folder` is ours alone: data, log, locks, password. `port` opens TCP on 127.0.0.1, 0 picks a
        free port. `durable=False` trades safety of the data for speed and is for tests only.
        `options` are server parameters; they, and `port`, count only where this call starts the server.
        """
        self._wanted_folder = folder.absolute()
        self._port = port
        self._durable = durable
        self._options = dict(options or {})
        self._binaries = binaries
        self._database = database
        self._account = accounts.unprivileged(self._wanted_folder / "pgdata")
        self.folder = accounts.reachable_folder(self._account, self._wanted_folder)
        if self.folder != self._wanted_folder:
            # The data may be where an earlier start had to put it: its owner decides.
            self._account = accounts.unprivileged(self.folder / "pgdata")
        self._data = self.folder / "pgdata"
        self._server = SharedServer(self.folder, name="PostgreSQL", stop_signal=_HOW_TO_STOP["fast"])
        self._running: _Running | None = None
        self.started_here = False

    def start(self) -> str:
        """Start the server or join it where it runs already; returns the address of its database."""
        if self.folder != self._wanted_folder:
            closed = self._account and accounts.closed_to(self._account, self._wanted_folder)
            _log.warning(
                "PostgreSQL runs as %s here, who may not enter %s: the data of %s is kept in %s",
                self._account.name if self._account else "?",
                closed,
                self._wanted_folder,
                self.folder,
            )
        self._refuse_foreign_folder()
        accounts.make_folder(self._account, self.folder)
        self.started_here = self._join()
        self._running = self._read_pid_file()
        if self.started_here and self._port == 0:
            self._port = self._known().port  # the next start of this object keeps the addresses it gave out
        return self.dsn()

    def _join(self) -> bool:
        for _ in range(_PORT_ATTEMPTS - 1):
            try:
                return self._server.join(self._prepare, self._is_ready)
            except EmbeddedServerError as error:
                # Between our look for a free port and the server's use of it another program may have taken it.
                if self._port != 0 or "Address already in use" not in str(error):
                    raise
        return self._server.join(self._prepare, self._is_ready)

    def _refuse_foreign_folder(self) -> None:
        """Do not take over (and close to others) a folder that holds somebody's files, say a home."""
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            return
        # Asked last: this lock is the first file that a process starting here at the same moment makes.
        if not (self.folder / "starting.lock").exists():
            message = f"{self.folder} holds other files: choose a new or an empty folder for PostgreSQL"
            raise EmbeddedServerError(message)

    def stop(self) -> None:
        """Give the server up; it ends, with a checkpoint, when nobody else uses it."""
        running, self._running = self._running, None
        self._server.leave()
        if running is not None and not Path(running.socket_folder).is_relative_to(self.folder):
            with suppress(OSError):  # not empty: others use the server
                Path(running.socket_folder).rmdir()

    def crash(self, how: str = "kill") -> None:
        """End the server at once for everybody, as tests of crashes need: `kill`, `immediate` or `fast`.

        `start` brings it back at the same addresses.
        """
        self._server.end(_HOW_TO_STOP[how])

    def dsn(self, database: str | None = None) -> str:
        """Return the address of a database through the Unix socket."""
        return _dsn(self._known(), database or self._database)

    def found(self) -> str | None:
        """Return the address of its database where somebody runs it and lets us in; starts and joins nothing."""
        try:
            running = self._read_pid_file()
        except PermissionError:
            return None
        return None if running is None or not _listens(running) else _dsn(running, self._database)

    def tcp_dsn(self, database: str | None = None) -> str:
        """Return the address of a database through TCP, password included."""
        running = self._known()
        if not running.tcp_host:
            message = f"PostgreSQL in {self.folder} was started without a TCP port"
            raise EmbeddedServerError(message)
        password = (self.folder / "password").read_text()
        name = quote(database or self._database, safe="")
        return f"postgresql://{_USER}:{password}@{running.tcp_host}:{running.port}/{name}"

    @property
    def pid(self) -> int:
        """The process id of the running server, for those who measure it."""
        return self._known().pid

    async def __aenter__(self) -> Self:
        """Start without blocking the event loop."""
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop without blocking the event loop."""
        await asyncio.to_thread(self.stop)

    # --- what runs, only while this process holds the lock of the start ---

    def _prepare(self) -> ServerCommand:
        # The folder itself may be entered by the server's user; what is private in it says so by its own mode.
        self.folder.chmod(0o711 if self._account else 0o700)
        binaries = self._binaries or choose_postgres(self._written_by())
        programs = accounts.reachable_programs(self._account, binaries.folder)
        if self._written_by() is None:
            self._create(programs, binaries.major)
        self._remove_misleading_pid_file()
        settings = {
            "listen_addresses": "127.0.0.1" if self._port is not None else "",
            "port": str(self._free_port()),
            "unix_socket_directories": str(self._socket_folder()),
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self._durable else _UNDURABLE),
            **self._options,
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ServerCommand(
            [str(programs / "postgres"), "-D", str(self._data), *arguments],
            env=_environment(),
            cwd=self._data,
            identity=self._account.identity() if self._account else {},
        )

    def _written_by(self) -> int | None:
        try:
            return int((self._data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def _create(self, programs: Path, major: int) -> None:
        """Make the data folder beside its final place: a start that dies half-way leaves nothing that looks whole."""
        half_made = self.folder / "pgdata.new"
        if half_made.exists():
            shutil.rmtree(half_made)
        half_made.mkdir(mode=0o700)
        password = self.folder / "password"
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(16))
        if self._account:
            self._account.own(half_made)
            self._account.own(password)
        initdb = [
            str(programs / "initdb"),
            f"--pgdata={half_made}",
            f"--username={_USER}",
            f"--pwfile={password}",
            "--encoding=UTF8",
            "--auth-local=trust",  # the socket's folder is the lock on this door
            "--auth-host=scram-sha-256",
            *([] if self._durable else ["--no-sync"]),
        ]
        # Letters beyond ASCII must fold case (search lowers them), sorting must not depend on the machine.
        if major >= _FIRST_WITH_OWN_LOCALE:
            locales = [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
        else:
            locales = [["--locale=C.UTF-8"], ["--locale=en_US.UTF-8"], ["--locale=C"]]
        for arguments in locales:
            result = self._run([*initdb, *arguments])
            if "invalid locale name" not in result.stderr:
                break
        self._check(result, f"initdb could not create {half_made}")
        # A server in single-user mode: the one way to create a database before there is a server to connect to.
        single = [str(programs / "postgres"), "--single", "-D", str(half_made), "postgres"]
        self._check(
            self._run(single, f'CREATE DATABASE "{self._database}"\n'), f"{half_made} could not be completed"
        )
        half_made.rename(self._data)

    def _run(self, command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - a program found by binaries.py, no shell
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",  # the server's user may not enter the caller's folder
            env=_environment(),
            **(self._account.identity() if self._account else {}),
        )

    @staticmethod
    def _check(result: subprocess.CompletedProcess[str], complaint: str) -> None:
        # Single-user mode reports a failed statement only in its text.
        if result.returncode or "ERROR:" in result.stderr:
            raise EmbeddedServerError(explain(complaint, result.stderr))

    def _remove_misleading_pid_file(self) -> None:
        """Drop the pid file of a killed server when its number now belongs to some other program.

        PostgreSQL drops the file itself when no process has the number, but refuses to start when any has:
        common in containers, where numbers are small and the folder outlives them.
        """
        pid_file = self._data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
            program = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
        except (OSError, ValueError):
            return
        if not program.startswith(("postgres", "postmaster")):
            pid_file.unlink()

    def _free_port(self) -> int:
        if self._port:
            return self._port
        if self._port is None:
            return _SOCKET_PORT
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    def _socket_folder(self) -> Path:
        """Return a private folder whose path leaves room for the socket's name."""
        folder = self.folder / "run"
        if len(os.fsencode(folder / ".s.PGSQL.65535.lock")) > _LONGEST_SOCKET_PATH:
            digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
            folder = Path(tempfile.gettempdir()) / f"listings-{digest}"
        uid = self._account.uid if self._account else os.geteuid()
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            mode = folder.lstat()
            if not stat.S_ISDIR(mode.st_mode) or mode.st_uid not in (uid, os.geteuid()):
                message = f"{folder}, the place of PostgreSQL's socket, belongs to somebody else: remove it"
                raise EmbeddedServerError(message) from None
            folder.chmod(0o700)
        if self._account:
            self._account.own(folder)
        return folder

    # --- what a running server says ---

    def _is_ready(self) -> bool:
        """Whether the server we started accepts connections; its pid file alone may be left from a killed one."""
        running = self._read_pid_file()
        return running is not None and running.pid == self._server.pid() and _listens(running)

    def _read_pid_file(self) -> _Running | None:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        match lines:
            case [pid, _, _, port, socket_folder, tcp_host, _, status, *_] if status.strip() == "ready":
                return _Running(int(pid), int(port), socket_folder, tcp_host)
            case _:
                return None

    def _known(self) -> _Running:
        if self._running is None:
            message = f"PostgreSQL in {self.folder} is not started"
            raise EmbeddedServerError(message)
        return self._running


def _listens(running: _Running) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(f"{running.socket_folder}/.s.PGSQL.{running.port}") == 0


def _dsn(running: _Running, database: str) -> str:
    return (
        f"postgresql://{_USER}@/{quote(database, safe='')}"
        f"?host={quote(running.socket_folder)}&port={running.port}"
    )


def _environment() -> dict[str, str]:
    """Return our environment without what would steer PostgreSQL elsewhere, and with messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C"}
