"""A private PostgreSQL keeps its data, is shared, ends with its last user, and says in words what is wrong."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from listings.embedded import EmbeddedPostgres, EmbeddedServerError
from listings.embedded.binaries import PostgresBinaries, choose_postgres, find_postgres, postgres_in
from listings.embedded.errors import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Process = Callable[..., EmbeddedPostgres]

EVERY_POSTGRES = [pytest.param(each, id=f"{each.origin}-{each.major}") for each in find_postgres()]


async def _ask(dsn: str, query: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _wait_until_gone(folder: Path) -> None:
    """Block until no process of the server lives, as the kernel tells by its lock."""
    with (folder / "alive.lock").open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


@pytest.mark.parametrize("binaries", EVERY_POSTGRES)
async def test_data_survives_a_restart_and_a_kill(
    postgres_process: Process, binaries: PostgresBinaries
) -> None:
    server = postgres_process(binaries=binaries, durable=True)
    first = server.dsn()
    await _ask(first, "CREATE TABLE kept AS SELECT 1 AS line")

    server.stop()
    with pytest.raises(OSError, match=r"No such file|refused"):
        await _ask(first, "SELECT 1")
    assert server.start() == first
    await _ask(first, "INSERT INTO kept VALUES (2)")

    server.crash("kill")
    assert server.start() == first
    await _ask(first, "INSERT INTO kept VALUES (3)")

    server.crash("immediate")
    server.start()
    assert await _ask(first, "SELECT count(*) FROM kept") == 3


@pytest.mark.parametrize("binaries", EVERY_POSTGRES)
async def test_letters_beyond_ascii_fold_case(postgres_process: Process, binaries: PostgresBinaries) -> None:
    server = postgres_process(binaries=binaries)
    assert await _ask(server.dsn(), "SELECT lower('ЖЧŠ')") == "жчš"


async def test_the_socket_is_private_and_tcp_wants_the_password(postgres_process: Process) -> None:
    server = postgres_process()
    for name, mode in (("password", 0o600), ("run", 0o700), ("pgdata", 0o700)):
        assert stat.S_IMODE((server.folder / name).stat().st_mode) == mode, name
    assert await _ask(server.tcp_dsn(), "SELECT inet_client_addr() IS NOT NULL")
    password = (server.folder / "password").read_text()
    assert password not in server.dsn()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await _ask(server.tcp_dsn().replace(password, "guessed"), "SELECT 1")


async def test_without_a_port_nothing_listens_on_the_network(postgres_process: Process) -> None:
    server = postgres_process(port=None)
    assert await _ask(server.dsn(), "SHOW listen_addresses") == ""
    with pytest.raises(EmbeddedServerError, match="without a TCP port"):
        server.tcp_dsn()


async def test_only_tests_trade_safety_for_speed(short_folder: Path) -> None:
    async with EmbeddedPostgres(short_folder / "pg") as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await _ask(server.dsn(), f"SHOW {setting}") == "on"


async def test_a_second_start_joins_the_server_and_the_last_user_ends_it(short_folder: Path) -> None:
    first, second = (EmbeddedPostgres(short_folder / "pg", durable=False) for _ in range(2))
    assert first.start() == second.start()
    assert (first.started_here, second.started_here) == (True, False)
    address = second.dsn()

    first.stop()
    assert await _ask(address, "SELECT 1") == 1
    second.stop()
    with pytest.raises(OSError, match=r"No such file|refused"):
        await _ask(address, "SELECT 1")
    assert not (second.folder / "pgdata" / "postmaster.pid").exists()  # it was shut down, not killed


async def test_many_may_start_one_folder_at_the_same_moment(short_folder: Path) -> None:
    servers = [EmbeddedPostgres(short_folder / "pg", durable=False) for _ in range(6)]
    addresses = await asyncio.gather(*(asyncio.to_thread(server.start) for server in servers))
    try:
        assert len(set(addresses)) == 1
        assert [server.started_here for server in servers].count(True) == 1
    finally:
        await asyncio.gather(*(asyncio.to_thread(server.stop) for server in servers))
    _wait_until_gone(servers[0].folder)


_USER_OF_THE_SERVER = """
import sys
from pathlib import Path
from listings.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
print(server.start(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start_user(short_folder: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], str]]]:
    """Start another process that uses the server in the folder `pg`."""
    users: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], str]:
        user = subprocess.Popen(
            [sys.executable, "-c", _USER_OF_THE_SERVER, str(short_folder / "pg")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        users.append(user)
        assert user.stdout is not None
        return user, user.stdout.readline().strip()

    yield start
    for user in users:
        user.kill()
        user.communicate()
    _wait_until_gone(short_folder / "pg")


async def test_a_killed_application_leaves_no_server_behind(
    start_user: Callable[[], tuple[subprocess.Popen[str], str]], short_folder: Path
) -> None:
    user, address = start_user()
    assert await _ask(address, "SELECT 1") == 1
    user.kill()
    user.wait()
    _wait_until_gone(short_folder / "pg")
    assert not (short_folder / "pg" / "pgdata" / "postmaster.pid").exists()  # it was shut down, not killed


async def test_a_killed_application_does_not_take_the_server_from_the_others(
    start_user: Callable[[], tuple[subprocess.Popen[str], str]],
) -> None:
    first, address = start_user()
    _, same_address = start_user()
    first.kill()
    first.wait()
    assert address == same_address
    assert await _ask(address, "SELECT 1") == 1


async def test_an_interrupt_from_the_terminal_does_not_reach_the_server(postgres_process: Process) -> None:
    server = postgres_process()
    pid = int((server.folder / "server.pid").read_text())
    assert os.getpgid(pid) != os.getpgrp()
    assert os.getsid(pid) != os.getsid(0)


async def test_a_server_whose_guard_was_killed_is_joined_and_ended(postgres_process: Process) -> None:
    server = postgres_process()
    guard = os.getsid(int((server.folder / "server.pid").read_text()))
    os.kill(guard, signal.SIGKILL)
    server.start()
    assert not server.started_here
    assert await _ask(server.dsn(), "SELECT 1") == 1
    server.stop()
    _wait_until_gone(server.folder)


async def test_a_pid_file_whose_number_went_to_another_program_is_no_hindrance(
    postgres_process: Process,
) -> None:
    server = postgres_process()
    server.crash("kill")
    pid_file = server.folder / "pgdata" / "postmaster.pid"
    _, *rest = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getpid()), *rest]))
    server.start()
    assert await _ask(server.dsn(), "SELECT 1") == 1


async def test_a_start_that_died_while_creating_the_data_is_made_good(short_folder: Path) -> None:
    half_made = short_folder / "pg" / "pgdata.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("15")
    (short_folder / "pg" / "starting.lock").touch()
    async with EmbeddedPostgres(short_folder / "pg", durable=False) as server:
        assert await _ask(server.dsn(), "SELECT current_database()") == "listings"


def test_a_path_too_long_for_a_socket_works(short_folder: Path) -> None:
    server = EmbeddedPostgres(short_folder / ("a-long-name-" * 10), durable=False)
    elsewhere = Path(parse_qs(urlsplit(server.start()).query)["host"][0])
    try:
        assert asyncio.run(_ask(server.dsn(), "SELECT 1")) == 1
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
    finally:
        server.stop()
    assert not elsewhere.exists()


@pytest.mark.parametrize("hint", ["write failed: No space left on device", "HINT:  Check free disk space."])
def test_a_full_disk_is_named(hint: str) -> None:
    assert "the disk is full: free some space" in explain("PostgreSQL did not start", f"FATAL: {hint}")


def test_a_taken_port_is_named(postgres_process: Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        with pytest.raises(EmbeddedServerError, match="the port is taken") as error:
            postgres_process(port=port)
    assert str(port) in str(error.value)


def test_a_wrong_option_is_named(postgres_process: Process) -> None:
    with pytest.raises(EmbeddedServerError, match=r"(?s)unknown.*no_such_option"):
        postgres_process(options={"no_such_option": "1"})


def test_a_folder_with_other_files_is_refused(short_folder: Path) -> None:
    (short_folder / "letters.txt").touch()
    mode = short_folder.stat().st_mode
    with pytest.raises(EmbeddedServerError, match="holds other files"):
        EmbeddedPostgres(short_folder).start()
    assert short_folder.stat().st_mode == mode


def test_data_of_another_version_is_refused_with_the_remedy(short_folder: Path) -> None:
    (short_folder / "pg" / "pgdata").mkdir(parents=True)
    (short_folder / "pg" / "starting.lock").touch()
    (short_folder / "pg" / "pgdata" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedServerError, match="install PostgreSQL 9"):
        EmbeddedPostgres(short_folder / "pg").start()


def test_an_existing_folder_keeps_its_version() -> None:
    for each in find_postgres():
        assert choose_postgres(written_by=each.major).major == each.major


def test_the_systems_programs_come_before_the_wheels() -> None:
    origins = [each.origin for each in find_postgres()]
    assert origins == sorted(origins)
    assert choose_postgres(origin="wheel").origin == "wheel"


def test_a_machine_without_postgres_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("listings.embedded.binaries._SYSTEM_FOLDERS", ())
    with pytest.raises(EmbeddedServerError, match=r"apt-get install postgresql.*LISTINGS_DATABASE_URL"):
        choose_postgres(origin="system")


def test_programs_in_a_given_folder_are_used_as_they_are(tmp_path: Path) -> None:
    best = choose_postgres()
    assert postgres_in(best.folder) == PostgresBinaries(best.folder, best.major, "given")

    with pytest.raises(EmbeddedServerError, match="holds no PostgreSQL 14 or newer"):
        postgres_in(tmp_path)
