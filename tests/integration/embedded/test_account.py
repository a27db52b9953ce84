"""PostgreSQL never runs as root: who it runs as instead, and where that user finds the data and the programs."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from listings.embedded import EmbeddedPostgres, EmbeddedServerError, account
from listings.embedded.binaries import PostgresBinaries, choose_postgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
SERVICE = Path(account.__file__).parents[2]


@pytest.fixture
def closed(short_folder: Path) -> Path:
    """Give a folder that only root may enter, like root's home."""
    folder = short_folder / "root"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def roots_place(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place for data that cannot stay where it was wanted, instead of the machine's own."""
    place = short_folder / "var"
    place.mkdir(mode=0o755)
    monkeypatch.setattr(account, "_ROOTS_PLACES", (place,))
    return place


async def _server_answers(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval("SELECT true"))
    finally:
        await connection.close()


@as_root
async def test_root_starts_a_server_that_is_not_root(short_folder: Path) -> None:
    async with EmbeddedPostgres(short_folder / "pg", durable=False) as server:
        pid = int((server.folder / "server.pid").read_text())
        process = psutil.Process(pid)
        assert 0 not in process.uids()
        assert 0 not in process.gids()


@as_root
async def test_data_in_a_closed_folder_moves_to_an_open_one_and_is_found_again(
    closed: Path, roots_place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for started in (1, 2):
        async with EmbeddedPostgres(closed / "data", durable=False) as server:
            assert server.folder.is_relative_to(roots_place)
            assert await _server_answers(server.dsn())
            connection = await asyncpg.connect(server.dsn())
            await connection.execute("CREATE TABLE IF NOT EXISTS starts ()")
            await connection.execute("ALTER TABLE starts ADD COLUMN IF NOT EXISTS last int")
            assert await connection.fetchval("SELECT count(*) FROM starts") == started - 1
            await connection.execute("INSERT INTO starts VALUES (1)")
            await connection.close()
    assert f"may not enter {closed}" in caplog.text
    assert str(server.folder) in caplog.text
    users = {record.getMessage().partition(" here")[0] for record in caplog.records}
    assert len(users) == 1, "the same user has the same name at each start"


@as_root
def test_programs_in_a_closed_folder_are_copied_once(closed: Path, roots_place: Path) -> None:
    wheel = choose_postgres(origin="wheel")
    installation = wheel.folder.parent
    package = installation.parent
    shutil.copytree(installation, closed / package.name / installation.name, symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed / f"{package.name}.libs")
    subprocess.run(["chmod", "-R", "go=", str(closed)], check=True)  # as under a strict umask
    programs = PostgresBinaries(closed / package.name / installation.name / "bin", wheel.major, "wheel")

    for _ in range(2):
        server = EmbeddedPostgres(roots_place / "pg", durable=False, binaries=programs)
        assert asyncio.run(_server_answers(server.start()))
        server.stop()
    assert len(list((roots_place / "listings-embedded").iterdir())) == 1


@as_root
async def test_a_strict_umask_does_not_lock_the_server_out(short_folder: Path) -> None:
    before = os.umask(0o077)
    try:
        async with EmbeddedPostgres(short_folder / "missing" / "too" / "pg", durable=False) as server:
            assert server.folder.is_relative_to(short_folder)
            assert await _server_answers(server.dsn())
    finally:
        os.umask(before)


@as_root
def test_no_open_folder_at_all_is_said_in_words(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "_ROOTS_PLACES", (closed,))
    with pytest.raises(EmbeddedServerError, match="start as an ordinary user"):
        EmbeddedPostgres(closed / "data")


@as_root
def test_a_folder_prepared_by_somebody_else_is_not_trusted(closed: Path, roots_place: Path) -> None:
    trap = roots_place / "listings-embedded"
    trap.mkdir()
    os.chown(trap, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(EmbeddedServerError, match="start as an ordinary user"):
        EmbeddedPostgres(closed / "data")


@as_root
def test_existing_data_keeps_its_owner(short_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    data = short_folder / "pgdata"
    data.mkdir()
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    chosen = account.unprivileged(data)
    assert chosen is not None
    assert (chosen.uid, chosen.gid) == (nobody.pw_uid, nobody.pw_gid)


_START_AND_STOP = """
import os, sys
from pathlib import Path
from listings.embedded import EmbeddedPostgres, EmbeddedServerError
assert os.geteuid() != 0
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
server.crash("kill")
pid_file = server.folder / "pgdata" / "postmaster.pid"
pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(os.getpid()), 1))
server.start()
assert (server.folder / "pgdata").stat().st_uid == os.geteuid()
server.stop()
print("done")
"""


def test_an_ordinary_user_just_starts_it(short_folder: Path) -> None:
    """Root runs this as somebody else, with the system's Python where that one may not run ours."""
    somebody = account.unprivileged(short_folder / "pgdata")
    python = sys.executable
    if somebody is not None:
        os.chown(short_folder, somebody.uid, somebody.gid)
        if account.closed_to(somebody, Path(python).resolve()):
            python = "/usr/bin/python3"
        if not Path(python).exists() or account.closed_to(somebody, SERVICE):
            pytest.skip("the unprivileged user can run no Python here")
    result = subprocess.run(
        [python, "-c", _START_AND_STOP, str(short_folder / "pg")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SERVICE), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **(somebody.identity() if somebody else {}),
    )
    assert result.stdout.strip() == "done", result.stderr


@as_root
def test_another_users_folder_is_refused_in_words(short_folder: Path) -> None:
    somebody = account.unprivileged(short_folder / "pgdata")
    assert somebody is not None
    python = "/usr/bin/python3"
    if not Path(python).exists() or account.closed_to(somebody, SERVICE):
        pytest.skip("the unprivileged user can run no Python here")
    (short_folder / "pg").mkdir(mode=0o755)
    (short_folder / "pg" / "starting.lock").touch(mode=0o600)
    result = subprocess.run(
        [python, "-c", _START_AND_STOP, str(short_folder / "pg")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SERVICE), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **somebody.identity(),
    )
    assert "belongs to another user of this machine" in result.stderr
