"""The commands around the service: what they print, and how they end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from listings import __version__
from listings.cli import app
from listings.demo.load import load_demo
from listings.transport.table import declared_methods

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from click.testing import Result


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if "LISTINGS_" in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "160")


def run(*arguments: str, stdin: str | None = None, **environ: str) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin, env=environ)


async def call(service: Any, *arguments: str, stdin: str | None = None) -> Result:
    address = f"localhost:{service.app.grpc_port}"
    return await asyncio.to_thread(
        run, "call", "--address", address, "--deadline", "20", *arguments, stdin=stdin
    )


def test_help_names_every_command():
    said = run("--help").output

    for command in ("dev", "serve", "healthcheck", "call", "doctor", "config", "version", "migrate", "demo"):
        assert command in said


@pytest.mark.parametrize(
    "command", ["dev", "serve", "call", "doctor", "config", "demo load", "demo token", "migrate up"]
)
def test_every_command_explains_itself(command: str):
    result = run(*command.split(), "--help")

    assert result.exit_code == 0
    assert len(result.output) > 200


def test_version():
    assert json.loads(run("version", "--json").output).keys() >= {"listings", "schema", "python"}
    assert "schema" in run("version").output
    assert run("--version").output == f"listings {__version__}\n"


# --- call ---


async def test_call_prints_the_answer(service: Any):
    await load_demo(service.dsn)
    result = await call(service, "GetListing", '{"id": 1}')

    assert result.exit_code == 0
    assert json.loads(result.output)["listing"]["id"] == "1"


async def test_call_reads_standard_input(service: Any):
    result = await call(service, "list_listings", "-", stdin='{"limit": 1}')

    assert json.loads(result.output)["total"] == 0


async def test_refusal_names_status_reason_and_field(service: Any):
    result = await call(service, "GetListing", '{"id": -1}')

    assert result.exit_code == 1
    for word in ("INVALID_ARGUMENT", "id:", "reason", "request id"):
        assert word in result.stderr
    assert "--list" not in result.stderr


async def test_refusal_of_an_empty_request_says_where_the_fields_are(service: Any):
    result = await call(service, "GetListing")

    assert "listings call GetListing --list" in result.stderr


def test_nobody_there_names_the_remedy():
    result = run("call", "GetListing", '{"id": 1}', "--address", "127.0.0.1:1", "--deadline", "2")

    assert result.exit_code == 1
    assert "UNAVAILABLE" in result.stderr
    assert "listings dev" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["GetListng"], "Did you mean GetListing"),
        (["Zzzzzzz"], "listings call --list"),
        (["GetListing", '{"id": 1'], "line 1 column 9"),
        (["GetListing", "[1]"], "must be a JSON object"),
        (["GetListing", '{"idd": 1}'], "Did you mean id?"),
        (["GetListing", '{"id": "x"}'], "'x' is not a whole number"),
        (["CreateListing", '{"price": "dear"}'], "price"),
        ([], "Name a method"),
    ],
)
def test_malformed_call_says_what_is_meant(arguments: list[str], says: str):
    result = run("call", *arguments)

    assert result.exit_code == 2
    assert says in result.stderr


def test_list_shows_every_method_with_a_line():
    said = run("call", "--list").output

    assert all(method in said for method in declared_methods())
    assert "Returns one undeleted listing" in said
    lines = said.splitlines()
    assert sorted(line.split(" ")[0] for line in lines) == sorted(declared_methods()), "a line each, no other"
    assert not [line for line in lines if line != line.strip()], "no blanks to fill a width"
    assert "yellow" not in said.lower()
    does = {line.split()[0]: line.split()[1] for line in lines}
    assert (does["GetListing"], does["CreateListing"]) == ("reads", "writes")


def test_list_of_a_method_shows_its_fields():
    said = run("call", "SearchListings", "--list").output

    assert "query" in said
    assert "text" in said
    assert "It takes no fields" in run("call", "GetAllCategories", "--list").output


# --- config ---


def test_config_names_values_and_sources_and_masks_secrets():
    environ = {
        "LISTINGS_DATABASE_URL": "postgresql://me:hunter2@db/x?password=hunter2",
        "LISTINGS_AUTH_HS256_SECRET": "hunter2",
        "SVETULISTINGS_GRPC_HOST": "10.0.0.1",
    }
    said = run("config", **environ).output
    rows = {row["variable"]: row for row in json.loads(run("config", "--json", **environ).output)["settings"]}

    assert "hunter2" not in said + json.dumps(rows)
    assert rows["LISTINGS_DATABASE_URL"]["value"] == "postgresql://me:********@db/x?********"
    assert rows["LISTINGS_DATABASE_URL"]["source"] == "environment"
    assert rows["LISTINGS_GRPC_HOST"]["source"] == "old key SVETULISTINGS_GRPC_HOST"
    assert rows["LISTINGS_GRPC_PORT"] == {**rows["LISTINGS_GRPC_PORT"], "value": 50053, "source": "default"}
    assert "is an old name" in said


def test_config_in_a_pipe_has_a_line_for_each_setting():
    said = run("config", COLUMNS="80").output.splitlines()
    rows = json.loads(run("config", "--json").output)["settings"]

    assert [line.split()[0] for line in said[1:]] == [row["variable"] for row in rows]


def test_config_with_bad_values_names_each_and_ends_with_2():
    result = run("config", LISTINGS_GRPC_PORT="abc", LISTINGS_LOG_LEVEL="loud")

    assert result.exit_code == 2
    assert "LISTINGS_GRPC_PORT" in result.stderr
    assert "LISTINGS_LOG_LEVEL" in result.stderr


# --- demo ---


async def test_demo_load_fills_once(dsn: str):
    first = await asyncio.to_thread(run, "demo", "load", LISTINGS_DATABASE_URL=dsn)
    again = await asyncio.to_thread(run, "demo", "load", LISTINGS_DATABASE_URL=dsn)

    assert "324 listings" in first.output
    assert "nothing was changed" in again.output


async def test_demo_load_without_schema_names_the_remedy(empty_dsn: str):
    result = await asyncio.to_thread(run, "demo", "load", LISTINGS_DATABASE_URL=empty_dsn)

    assert result.exit_code == 1
    assert "listings migrate up" in result.stderr


def test_token_needs_a_key(tmp_path: Path):
    result = run("demo", "token", "--data-folder", str(tmp_path))

    assert result.exit_code == 1
    assert "listings dev" in result.stderr


async def test_token_is_one_the_service_accepts(
    start_service: Callable[..., AbstractAsyncContextManager[Any]],
):
    secret = "a secret of more than thirty-two bytes"
    token = run("demo", "token", "--user", "5", "--admin", LISTINGS_AUTH_HS256_SECRET=secret).output.strip()
    async with start_service(auth={"enabled": True, "hs256_secret": secret}) as service:
        refused = await call(service, "GetUserFavorites", '{"user_id": 5}')
        allowed = await call(service, "GetUserFavorites", '{"user_id": 5}', "--token", token)

    assert "listings demo token" in refused.stderr
    assert allowed.exit_code == 0


# --- doctor and healthcheck ---


async def test_doctor_shows_findings_and_ends_with_the_worst(empty_dsn: str):
    environ = {"LISTINGS_DATABASE_URL": empty_dsn, "LISTINGS_GRPC_PORT": "0", "LISTINGS_HTTP_PORT": "1"}
    shown = await asyncio.to_thread(run, "doctor", **environ)
    machine = await asyncio.to_thread(run, "doctor", "--json", "--production", **environ)

    assert shown.exit_code == machine.exit_code == 2
    assert "listings migrate up" in shown.output
    codes = {finding["code"] for finding in json.loads(machine.output)["findings"]}
    assert {"SCHEMA_MISSING", "AUTH_OFF"} <= codes


async def test_healthcheck_asks_the_service(service: Any):
    port = str(service.app.http_port)
    alive = await asyncio.to_thread(run, "healthcheck", LISTINGS_HTTP_PORT=port)
    absent = await asyncio.to_thread(run, "healthcheck", "--path", "/nowhere", LISTINGS_HTTP_PORT=port)

    assert alive.exit_code == 0
    assert absent.exit_code == 1
    assert "404" in absent.stderr


def test_healthcheck_of_nobody_fails():
    assert run("healthcheck", LISTINGS_HTTP_PORT="1").exit_code == 1


async def test_serve_without_a_database_names_its_address_and_the_remedy():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        # A process of its own: serving sets up the logs of the whole process.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "listings", "serve", stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, "LISTINGS_DATABASE_URL": f"postgresql://somebody:secret@127.0.0.1:{port}/shop"},
        )  # fmt: skip
        _, said = await process.communicate()

    assert process.returncode == 1
    assert str(port) in said.decode()
    assert "LISTINGS_DATABASE_URL" in said.decode()
    assert "secret" not in said.decode()
