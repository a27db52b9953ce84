"""`listings dev` on a machine without a database: it serves demo data, stops on Ctrl-C and remembers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from providers.free_ports import free_port, free_ports
from typer.testing import CliRunner

from listings.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result


class Dev:
    """A running `listings dev`; `output` is what it printed until it said that it serves."""

    def __init__(self, process: subprocess.Popen[str], web: str, grpc: str, output: str) -> None:
        self.process, self.web, self.grpc, self.output = process, web, grpc, output


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "listings", "dev", "--data-folder", str(folder), *arguments]


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if "LISTINGS_" not in name}
    return {**clean, "COLUMNS": "200", **more}


@contextmanager
def running(folder: Path, *, grpc_port: int = 0, http_port: int = 0, **environ: str) -> Iterator[Dev]:
    """A `listings dev` that is called at the addresses that it shows."""
    process = subprocess.Popen(
        command(folder, "--grpc-port", str(grpc_port), "--http-port", str(http_port)),
        env=environment(**environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    try:
        output = ""
        for line in process.stdout:
            output += line
            if "Ctrl-C" in line:
                break
        else:
            raise AssertionError(output)
        web = re.search(r"^REST +(http://localhost:\d+)/", output, re.MULTILINE)
        grpc = re.search(r"^gRPC +(localhost:\d+)", output, re.MULTILINE)
        assert web, output
        assert grpc, output
        yield Dev(process, web[1], grpc[1], output)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0, rest
        assert "stopped" in rest
    finally:
        process.kill()
        process.wait()


def token_in(output: str) -> dict[str, str]:
    found = re.search(r"^TOKEN=(\S+)$", output, re.MULTILINE)
    assert found
    return {"Authorization": f"Bearer {found[1]}"}


def test_serves_a_marketplace_and_remembers_it(short_folder: Path):
    with running(short_folder / "data") as first:
        assert "created" in first.output
        assert "324 listings" in first.output
        assert "No Redis is configured" in first.output
        categories = httpx.get(f"{first.web}/api/v1/categories?lang=ru").json()["categories"]
        assert len([each for each in categories if each["level"] == 0]) == 18
        user = token_in(first.output)
        assert httpx.post(f"{first.web}/api/v1/favorites/1").status_code == 401
        assert httpx.post(f"{first.web}/api/v1/favorites/1", headers=user).status_code == 201

    with running(short_folder / "data") as second:
        assert "nothing to migrate" in second.output
        assert "no demo data loaded" in second.output
        favorites = httpx.get(f"{second.web}/api/v1/favorites", headers=user).json()
        assert [each["id"] for each in favorites["favorites"]] == [1], (
            "the key and the data are the first start's"
        )


def test_a_configured_database_wins(short_folder: Path, empty_dsn: str):
    grpc_port, http_port = free_ports(2)
    with running(
        short_folder / "data", grpc_port=grpc_port, http_port=http_port, LISTINGS_DATABASE_URL=empty_dsn
    ) as dev:
        assert "LISTINGS_DATABASE_URL" in dev.output
        assert "324 listings" in dev.output
        assert not (short_folder / "data" / "postgres").exists()
        assert dev.web == f"http://localhost:{http_port}"
        assert dev.grpc == f"localhost:{grpc_port}"


def fails(folder: Path, *arguments: str, **environ: str) -> str:
    result = subprocess.run(
        command(folder, *arguments),
        env=environment(**environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode not in (0, -signal.SIGKILL)
    assert "Traceback" not in result.stderr
    return result.stderr


def test_taken_port_is_named_with_its_holder_and_the_way_out(short_folder: Path):
    grpc_port = free_port()  # somebody may be serving at the default one
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = taker.getsockname()[1]
        said = fails(short_folder / "data", "--grpc-port", str(grpc_port), "--http-port", str(port))

    assert f"Port {port} is taken by" in said
    assert f"(pid {os.getpid()})" in said
    assert "--http-port" in said
    assert not (short_folder / "data" / "postgres").exists(), "nothing was started for nothing"


def test_database_that_does_not_answer_is_named(short_folder: Path):
    grpc_port, http_port = free_ports(2)
    said = fails(
        short_folder / "data",
        "--grpc-port",
        str(grpc_port),
        "--http-port",
        str(http_port),
        LISTINGS_DATABASE_URL="postgresql://u:p@127.0.0.1:1/x",
    )

    assert "cannot connect to the database" in said
    assert "listings doctor" in said


def test_bad_setting_is_named(short_folder: Path):
    assert "LISTINGS_GRPC_PORT" in fails(short_folder / "data", LISTINGS_GRPC_PORT="abc")


def test_a_data_folder_that_cannot_be_used_is_named_with_the_way_out(short_folder: Path):
    (short_folder / "a file").write_text("")

    for folder in (short_folder / "a file", Path("/proc/none")):
        said = fails(folder, "--grpc-port", "0", "--http-port", "0")

        assert f"The data folder {folder} cannot be used" in said
        assert "--data-folder" in said


def test_folders_with_blanks_are_fine_and_commands_beside_it_find_its_database(short_folder: Path):
    def beside(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--data-folder", str(folder)], env=environment())

    folder = short_folder / "my own data"
    with running(folder) as dev:
        assert httpx.get(f"{dev.web}/ready").status_code == 200

        found = beside("doctor")
        assert f"the one that `listings dev` runs in {folder}" in found.output
        assert re.search(r"PostgreSQL [\d.]+ answers", found.output), found.output
        address = re.search(r"LISTINGS_DATABASE_URL=(?:'(.+)'|(\S+))", found.output)
        assert address, "other commands may be given it"
        given = environment(LISTINGS_DATABASE_URL=address[1] or address[2])
        assert CliRunner().invoke(app, ["migrate", "status"], env=given).exit_code == 0

        smoke = beside("smoke", "--grpc-address", dev.grpc, "--http-address", dev.web)
        assert smoke.exit_code == 0, smoke.output
    assert "the one that `listings dev` runs" not in beside("doctor").output
