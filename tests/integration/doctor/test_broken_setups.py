"""Each finding of `listings doctor`, found in a setup that is really broken that way."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from providers.free_ports import free_port

from listings.doctor.database import check_database
from listings.doctor.examination import examine
from listings.doctor.findings import Report, Severity
from listings.settings import DatabaseSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from providers.postgres import PostgresServer

PORTS = {"LISTINGS_GRPC_PORT": "0", "LISTINGS_HTTP_PORT": "1"}


async def codes(dsn: str, *, production: bool = False, **environ: str) -> dict[str, str]:
    """Findings by code, with their fixes; ports of the examined setup are free unless a test says otherwise."""
    given = {
        "LISTINGS_DATABASE_URL": dsn,
        "LISTINGS_GRPC_PORT": "0",
        "LISTINGS_HTTP_PORT": str(free_port()),
        **environ,
    }
    report = await examine({name: value for name, value in given.items() if value}, production=production)
    assert all(finding.what and finding.why and finding.fix for finding in report.findings)
    return {finding.code: finding.fix for finding in report.findings}


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def role(dsn: str, options: str = "LOGIN PASSWORD 'a-long-password'") -> AsyncIterator[str]:
    """An ordinary role of the server, gone afterwards; roles outlive databases."""
    name = f"doctor_{secrets.token_hex(4)}"
    await execute(dsn, f"CREATE ROLE {name} {options}")
    try:
        yield name
    finally:
        await execute(dsn, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def as_role(dsn: str, name: str) -> str:
    """The same database for another role, through the socket that trusts its users."""
    parts = urlsplit(dsn)
    return f"{parts.scheme}://{name}@{parts.netloc.rpartition('@')[2]}{parts.path}?{parts.query}"


@asynccontextmanager
async def fake_server(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_nothing_is_wrong_with_a_migrated_database(dsn: str, redis_url: str):
    found = await codes(dsn, LISTINGS_REDIS_URL=redis_url)

    assert found.keys() <= {"EXTENSION_ABSENT", "REDIS_OLD"}


async def test_search_without_pg_trgm_is_worth_knowing_and_no_more(dsn: str):
    report = await examine({"LISTINGS_DATABASE_URL": dsn, **PORTS})

    (finding,) = [each for each in report.findings if each.code == "EXTENSION_ABSENT"]
    assert finding.severity is Severity.INFO
    assert "CREATE EXTENSION pg_trgm" in finding.fix


# --- reaching the database ---


async def test_nobody_listens():
    found = await codes(f"postgresql://u:p@127.0.0.1:{free_port()}/db")

    assert "listings dev" in found["DATABASE_UNREACHABLE"]


async def test_no_socket_in_the_folder(tmp_path: Path):
    assert "DATABASE_UNREACHABLE" in await codes(f"postgresql://u@/db?host={tmp_path}&port=5432")


async def test_host_is_unknown():
    assert "DATABASE_HOST_UNKNOWN" in await codes("postgresql://u:p@no-such-host.invalid/db")


async def test_password_is_wrong(postgres: PostgresServer):
    if postgres.tcp_address is None:
        pytest.skip("the given server's address is used as it is")
    found = await codes(
        postgres.tcp_dsn("postgres").replace("postgresql://listings:", "postgresql://listings:x")
    )

    assert "LISTINGS_DB_PASSWORD" in found["DATABASE_PASSWORD"]


async def test_role_is_missing(dsn: str):
    assert "CREATE ROLE" in (await codes(as_role(dsn, "nobody_at_all")))["DATABASE_LOGIN_REFUSED"]


async def test_database_is_missing(postgres: PostgresServer):
    assert "createdb" in (await codes(postgres.dsn("never_created")))["DATABASE_MISSING"]


async def test_connecting_is_forbidden(dsn: str):
    async with role(dsn) as name:
        database = urlsplit(dsn).path[1:]
        await execute(dsn, f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')

        assert "DATABASE_CONNECT_FORBIDDEN" in await codes(as_role(dsn, name))


async def test_no_connection_is_left(dsn: str):
    async with role(dsn, "LOGIN CONNECTION LIMIT 0") as name:
        assert "DATABASE_FULL" in await codes(as_role(dsn, name))


async def test_tls_is_demanded_of_a_server_without(postgres: PostgresServer):
    if postgres.tcp_address is None:
        pytest.skip("the given server's address is used as it is")

    assert "DATABASE_TLS" in await codes(postgres.tcp_dsn("postgres") + "?sslmode=require")


async def test_something_else_answers_there():
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with fake_server(hang_up) as port:
        assert "DATABASE_NOT_POSTGRES" in await codes(f"postgresql://u:p@127.0.0.1:{port}/db?sslmode=disable")


async def test_the_address_swallows_everything():
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with fake_server(say_nothing) as port:
        found = await codes(
            "",
            LISTINGS_DB_HOST="127.0.0.1",
            LISTINGS_DB_PORT=str(port),
            LISTINGS_DB_CONNECT_TIMEOUT_SECONDS="200ms",
        )

    assert "DATABASE_TIMEOUT" in found


async def test_server_is_too_old():
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak just enough of the protocol to say who one is."""
        await reader.readexactly(int.from_bytes(await reader.readexactly(4)) - 4)
        version = b"server_version\x0013.22\x00"
        encoding = b"client_encoding\x00UTF8\x00"
        for kind, body in (
            (b"R", bytes(4)),
            (b"S", version),
            (b"S", encoding),
            (b"K", bytes(8)),
            (b"Z", b"I"),
        ):
            writer.write(kind + (len(body) + 4).to_bytes(4) + body)
        await writer.drain()
        await reader.read()
        writer.close()

    async with fake_server(old) as port:
        assert "DATABASE_TOO_OLD" in await codes(f"postgresql://u@127.0.0.1:{port}/db?sslmode=disable")


# --- what the database is like ---


async def test_database_is_read_only(shared_dsn: str):
    assert "DATABASE_READ_ONLY" in await codes(shared_dsn)


async def test_pool_is_larger_than_the_server_allows(dsn: str):
    async with role(dsn, "LOGIN CONNECTION LIMIT 5") as name:
        found = await codes(as_role(dsn, name), LISTINGS_DB_POOL_SIZE="20")

    assert "LISTINGS_DB_POOL_SIZE=5" in found["POOL_TOO_LARGE"]


async def test_encoding_cannot_hold_every_text(postgres: PostgresServer):
    name = f"latin_{secrets.token_hex(4)}"
    await execute(postgres.address, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        assert "DATABASE_ENCODING" in await codes(postgres.dsn(name))
    finally:
        await execute(postgres.address, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("seconds", [-60, 60])
async def test_clocks_differ(shared_dsn: str, seconds: int):
    report = Report()
    settings = DatabaseSettings.model_validate({"url": shared_dsn})

    await check_database(report, settings, clock=lambda: datetime.now(UTC) + timedelta(seconds=seconds))

    skew = next(finding for finding in report.findings if finding.code == "CLOCK_SKEW")
    told = re.search(r"([\d.]+) s", skew.what)
    assert told
    assert 50 < float(told[1]) < 70, "a minute, and what a busy machine takes to ask"


async def test_clocks_agree(shared_dsn: str):
    assert "CLOCK_SKEW" not in await codes(shared_dsn)


# --- the schema ---


async def test_database_is_empty(empty_dsn: str):
    assert (await codes(empty_dsn))["SCHEMA_MISSING"] == "listings migrate up"


async def test_database_belongs_to_somebody_else(empty_dsn: str):
    await execute(empty_dsn, "CREATE TABLE somebody_elses (id int)")

    assert "SCHEMA_UNKNOWN" in await codes(empty_dsn)


async def test_migrations_are_pending(dsn: str):
    await execute(dsn, "UPDATE schema_migrations SET version = 40")

    assert "listings migrate up" in (await codes(dsn))["SCHEMA_PENDING"]


async def test_schema_is_dirty(dsn: str):
    await execute(dsn, "UPDATE schema_migrations SET dirty = true")

    assert "listings migrate force" in (await codes(dsn))["SCHEMA_DIRTY"]


async def test_schema_is_newer_than_the_release(dsn: str):
    await execute(dsn, "UPDATE schema_migrations SET version = 9999")

    assert "SCHEMA_NEWER" in await codes(dsn)


async def test_applied_file_was_edited(dsn: str):
    await execute(dsn, "UPDATE listings_migration_ledger SET checksum = repeat('0', 64) WHERE version = 25")

    assert "MIGRATION_EDITED" in await codes(dsn)


async def test_table_is_missing(dsn: str):
    await execute(dsn, "ALTER TABLE listing_stats RENAME TO listing_stats_old")

    assert "TABLE_MISSING" in await codes(dsn)


async def test_index_build_was_stopped(dsn: str):
    await execute(
        dsn, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_listings_newest_page'::regclass"
    )

    assert "INDEX_INVALID" in await codes(dsn)


async def test_rights_are_missing(dsn: str):
    async with role(dsn) as name:
        await execute(
            dsn,
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
            f"REVOKE INSERT, DELETE ON listings FROM {name}",
        )
        found = await codes(as_role(dsn, name))

    assert found["PERMISSION_MISSING"] == f"GRANT INSERT, DELETE ON listings TO {name};"
    assert name in found["SEQUENCE_FORBIDDEN"]


async def test_schema_may_not_be_used(dsn: str):
    async with role(dsn) as name:
        await execute(dsn, "REVOKE USAGE, CREATE ON SCHEMA public FROM PUBLIC")

        assert "SCHEMA_FORBIDDEN" in await codes(as_role(dsn, name))


async def test_the_fix_for_missing_rights_mends_them(dsn: str):
    async with role(dsn) as name:
        found = await codes(as_role(dsn, name))
        await execute(dsn, f"GRANT SELECT ON schema_migrations, listings_migration_ledger TO {name}")
        found = await codes(as_role(dsn, name))
        await execute(dsn, found["PERMISSION_MISSING"], found["SEQUENCE_FORBIDDEN"])

        assert not {"PERMISSION_MISSING", "SEQUENCE_FORBIDDEN"} & (await codes(as_role(dsn, name))).keys()


# --- Redis ---


async def test_no_redis_is_worth_knowing_and_no_more(shared_dsn: str):
    report = await examine({"LISTINGS_DATABASE_URL": shared_dsn, **PORTS})

    assert {each.severity for each in report.findings if each.code == "REDIS_ABSENT"} == {Severity.INFO}


async def test_redis_is_away(shared_dsn: str):
    assert "REDIS_UNREACHABLE" in await codes(
        shared_dsn, LISTINGS_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"
    )


async def test_redis_password_is_wrong(shared_dsn: str, redis_url: str):
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.config_set("requirepass", "a-long-password")
    try:
        assert "REDIS_PASSWORD" in await codes(shared_dsn, LISTINGS_REDIS_URL=redis_url)
    finally:
        with redis.Redis.from_url(redis_url, password="a-long-password") as client:
            client.config_set("requirepass", "")


async def test_redis_is_too_old(shared_dsn: str):
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = b"# Server\r\nredis_version:5.0.14\r\n"
        while line := await reader.readline():
            command = line + b"".join([await reader.readline() for _ in range(int(line[1:]) * 2)])
            answer = b"$%d\r\n%b\r\n" % (len(info), info) if b"INFO" in command.upper() else b"+OK\r\n"
            writer.write(answer)
            await writer.drain()
        writer.close()

    async with fake_server(old) as port:
        assert "REDIS_TOO_OLD" in await codes(
            shared_dsn, LISTINGS_REDIS_URL=f"redis://127.0.0.1:{port}/0?protocol=2"
        )


# --- this machine ---


async def test_port_is_taken(shared_dsn: str):
    with socket.create_server(("0.0.0.0", 0)) as taker:
        port = taker.getsockname()[1]
        report = await examine(
            {"LISTINGS_DATABASE_URL": shared_dsn, "LISTINGS_GRPC_PORT": str(port), "LISTINGS_HTTP_PORT": "0"}
        )

    taken = next(finding for finding in report.findings if finding.code == "PORT_TAKEN")
    assert "pid" in taken.what, "it says by whom"
    assert "LISTINGS_GRPC_PORT=" in taken.fix


async def test_port_held_by_the_service_itself_is_no_error(service: Any):
    """As in a pod: `listings doctor` is called beside the service."""
    ports = {"LISTINGS_GRPC_PORT": service.app.grpc_port, "LISTINGS_HTTP_PORT": service.app.http_port}
    report = await examine(
        {"LISTINGS_DATABASE_URL": service.dsn, **{key: str(port) for key, port in ports.items()}}
    )

    served = [finding for finding in report.findings if finding.code == "PORT_SERVED"]
    assert [finding.severity for finding in served] == [Severity.INFO, Severity.INFO]
    assert report.worst is Severity.INFO


async def test_port_held_by_another_web_server_is_taken(shared_dsn: str):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'["healthy"]')

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        serving = asyncio.get_running_loop().run_in_executor(None, other.serve_forever)
        try:
            found = await codes(shared_dsn, LISTINGS_HTTP_PORT=str(other.server_port))
        finally:
            await asyncio.to_thread(other.shutdown)
            await serving

    assert "PORT_TAKEN" in found
    assert "PORT_SERVED" not in found


async def test_both_ports_are_one(shared_dsn: str):
    port = str(free_port())

    assert "PORTS_EQUAL" in await codes(shared_dsn, LISTINGS_GRPC_PORT=port, LISTINGS_HTTP_PORT=port)


async def test_address_is_another_machines(shared_dsn: str):
    assert "ADDRESS_UNUSABLE" in await codes(
        shared_dsn, LISTINGS_GRPC_HOST="192.0.2.1", LISTINGS_GRPC_PORT=str(free_port())
    )
