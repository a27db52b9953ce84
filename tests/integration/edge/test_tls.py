"""TLS and mutual TLS on both edges, with files that are replaced while the service runs."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from providers.certificates import DAY, Authority, Pair
from structlog.testing import capture_logs
from typer.testing import CliRunner

from listings.cli import app as cli
from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from listings.app import App

NO_CATEGORIES = pb.PopularCategoriesRequest(limit=5)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls(pair: Pair, **more: Any) -> dict[str, Any]:
    return {"cert_path": pair.cert_path, "key_path": pair.key_path, "reload_seconds": 0.01, **more}


async def ask_grpc(app: App, authority: Authority, client: Pair | None = None) -> None:
    """One call over a connection of its own; raises what grpcio raises."""
    credentials = grpc.ssl_channel_credentials(
        authority.pem, *((client.key, client.chain) if client is not None else ())
    )
    async with grpc.aio.secure_channel(f"localhost:{app.grpc_port}", credentials) as channel:
        stub = listings_pb2_grpc.ListingsServiceStub(channel)
        await stub.GetPopularCategories(NO_CATEGORIES, timeout=20)


async def ask_http(app: App, authority: Authority, client: Pair | None = None) -> bytes:
    """One request over a connection of its own; the serial of the certificate that the server showed."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    if client is not None:
        context.load_cert_chain(client.cert_path, client.key_path)
    async with httpx.AsyncClient(verify=context) as http:
        async with http.stream("GET", f"https://localhost:{app.http_port}/health/live") as answer:
            shown = answer.extensions["network_stream"].get_extra_info("ssl_object").getpeercert(True)
            await answer.aread()
        assert answer.status_code == 200
    return bytes(shown)


async def shown_by_grpc(app: App) -> str:
    return await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", app.grpc_port))


async def test_both_edges_speak_tls_and_nothing_else(start_service, authority):
    pair = authority.sign("server")
    async with start_service(tls=tls(pair)) as service:
        await ask_grpc(service.app, authority)
        await ask_http(service.app, authority)
        with pytest.raises(grpc.aio.AioRpcError) as plain:
            await service.stub.GetPopularCategories(NO_CATEGORIES, timeout=20)
        assert plain.value.code() is grpc.StatusCode.UNAVAILABLE
        async with httpx.AsyncClient() as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://127.0.0.1:{service.app.http_port}/health/live")


@pytest.mark.parametrize("edges", ["grpc", "http"])
async def test_one_edge_can_stay_plain(start_service, authority, edges):
    async with start_service(tls=tls(authority.sign("server"), edges=edges)) as service:
        if edges == "grpc":
            await ask_grpc(service.app, authority)
            async with httpx.AsyncClient() as http:
                plain = await http.get(f"http://127.0.0.1:{service.app.http_port}/health/live")
                assert plain.status_code == 200
        else:
            await ask_http(service.app, authority)
            await service.stub.GetPopularCategories(NO_CATEGORIES)


async def test_old_versions_of_tls_are_refused(start_service, authority):
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with start_service(tls=tls(authority.sign("server"))) as service:
        for port in (service.app.http_port, service.app.grpc_port):
            _, writer = await asyncio.open_connection("localhost", port, ssl=context)
            writer.close()
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        for port in (service.app.http_port, service.app.grpc_port):
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await asyncio.open_connection("localhost", port, ssl=context)


async def test_required_certificates_keep_everybody_else_out(start_service, authority, tmp_path):
    required = {"client_ca_path": authority.path, "client_certificates": "required"}
    stranger = Authority(tmp_path, "stranger").sign("intruder")
    async with start_service(tls=tls(authority.sign("server"), **required)) as service:
        client = authority.sign("client")
        await ask_grpc(service.app, authority, client)
        await ask_http(service.app, authority, client)
        for shown in (None, stranger):
            with pytest.raises(grpc.aio.AioRpcError):
                await ask_grpc(service.app, authority, shown)
            with pytest.raises(httpx.TransportError):
                await ask_http(service.app, authority, shown)


async def test_optional_certificates_must_be_good_where_http_is_shown_one(start_service, authority, tmp_path):
    optional = {"client_ca_path": authority.path, "client_certificates": "optional"}
    stranger = Authority(tmp_path, "stranger").sign("intruder")
    async with start_service(tls=tls(authority.sign("server"), **optional)) as service:
        await ask_grpc(service.app, authority)
        await ask_http(service.app, authority)
        await ask_http(service.app, authority, authority.sign("client"))
        with pytest.raises(httpx.TransportError):
            await ask_http(service.app, authority, stranger)


async def test_a_replaced_certificate_serves_new_connections_while_old_ones_stay(start_service, authority):
    before = authority.sign("server")
    async with start_service(tls=tls(before)) as service:
        credentials = grpc.ssl_channel_credentials(authority.pem)
        async with grpc.aio.secure_channel(f"localhost:{service.app.grpc_port}", credentials) as channel:
            stub = listings_pb2_grpc.ListingsServiceStub(channel)
            await stub.GetPopularCategories(NO_CATEGORIES, timeout=20)

            after = authority.sign("server")  # writes the same files
            async with asyncio.timeout(20):
                while await ask_http(service.app, authority) != _der(after):
                    await asyncio.sleep(0.02)
                while _der(after) != ssl.PEM_cert_to_DER_cert(await shown_by_grpc(service.app)):
                    await asyncio.sleep(0.02)
            await stub.GetPopularCategories(NO_CATEGORIES, timeout=20)


async def test_the_page_of_metrics_says_when_the_first_of_the_chain_expires(start_service, authority):
    name = "listings_tls_certificate_expiry_timestamp_seconds"
    pair = authority.sign("server", valid=40 * DAY)  # its authority ends after 30 days
    async with start_service(tls=tls(pair)) as service:
        registry = service.app.metrics.registry

        def expiry() -> float:
            return registry.get_sample_value(name) or 0.0

        assert expiry() == pair.certificate.not_valid_after_utc.timestamp()
        pair.cert_path.write_bytes(pair.chain + authority.pem)
        soonest = x509.load_pem_x509_certificate(authority.pem).not_valid_after_utc.timestamp()
        async with asyncio.timeout(20):
            while expiry() != soonest:  # nobody connects: the look is the scrape's own
                await asyncio.sleep(0.02)
    async with start_service() as plain:
        assert plain.app.metrics.registry.get_sample_value(name) == 0


async def test_a_replaced_authority_decides_about_new_connections(start_service, authority, tmp_path):
    client_ca = tmp_path / "clients.crt"
    client_ca.write_bytes(authority.pem)
    required = {"client_ca_path": client_ca, "client_certificates": "required"}
    async with start_service(tls=tls(authority.sign("server"), **required)) as service:
        old = authority.sign("client")
        await ask_grpc(service.app, authority, old)
        await ask_http(service.app, authority, old)
        next_authority = Authority(tmp_path, "next")
        client_ca.write_bytes(next_authority.pem)
        new = next_authority.sign("client-of-next")
        async with asyncio.timeout(20):
            while not await _lets_in(service.app, authority, new):
                await asyncio.sleep(0.02)
        await ask_grpc(service.app, authority, new)
        with pytest.raises(grpc.aio.AioRpcError):
            await ask_grpc(service.app, authority, old)
        assert not await _lets_in(service.app, authority, old)


async def test_files_that_cannot_serve_leave_the_old_ones_in_use(start_service, authority):
    before = authority.sign("server")
    async with start_service(tls=tls(before)) as service:
        with capture_logs() as lines:
            key = before.key_path.read_bytes()
            before.key_path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nhalf of it")
            async with asyncio.timeout(20):
                while not any("cannot serve" in line["event"] for line in lines):
                    await ask_http(service.app, authority)
            await ask_grpc(service.app, authority)
            assert "half of it" not in str(lines)
            before.key_path.write_bytes(key)
            await ask_http(service.app, authority)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"cert_path": "first.crt", "key_path": "second.key"}, "LISTINGS_TLS_KEY_PATH"),
        ({"cert_path": "first.crt", "key_path": "nowhere.key"}, "No such file"),
        ({"cert_path": "first.crt"}, "LISTINGS_TLS_KEY_PATH"),
        ({"key_path": "first.key"}, "LISTINGS_TLS_CERT_PATH"),
        ({"client_ca_path": "authority.crt"}, "LISTINGS_TLS_CLIENT_CERTIFICATES"),
        ({"client_certificates": "required"}, "LISTINGS_TLS_CLIENT_CA_PATH"),
        (
            {"client_certificates": "required", "client_ca_path": "authority.crt"},
            "LISTINGS_TLS_CERT_PATH",
        ),
        (
            {
                "cert_path": "first.crt",
                "key_path": "first.key",
                "client_certificates": "required",
                "client_ca_path": "first.key",
            },
            "LISTINGS_TLS_CLIENT_CA_PATH",
        ),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else None,
)
async def test_files_that_cannot_serve_stop_the_start_and_name_their_setting(
    start_service, authority, tmp_path, given, named
):
    authority.sign("first"), authority.sign("second")
    paths = {name: tmp_path / value if name.endswith("_path") else value for name, value in given.items()}
    with pytest.raises(ValueError, match=named):
        async with start_service(tls=paths):
            pass


async def test_the_command_line_shows_its_certificate_where_it_is_asked_for_one(start_service, authority):
    required = {"client_ca_path": authority.path, "client_certificates": "required"}
    client = authority.sign("client")
    async with start_service(tls=tls(authority.sign("server"), **required)) as service:
        call = ["call", "GetRootCategories", "--address", f"localhost:{service.app.grpc_port}"]
        trusting = [*call, "--ca", str(authority.path)]
        shown = ["--cert", str(client.cert_path), "--key", str(client.key_path)]
        assert (await command_line(*trusting, *shown)).exit_code == 0
        for refused in (call, trusting):
            assert (await command_line(*refused, "--deadline", "2")).exit_code != 0
        usage = await command_line(*call, *shown)
        assert (usage.exit_code, "--ca" in usage.output) == (2, True)


async def command_line(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, cli, list(arguments))


async def _lets_in(app: App, authority: Authority, client: Pair) -> bool:
    try:
        await ask_http(app, authority, client)
    except httpx.TransportError:
        return False
    return True


def _der(pair: Pair) -> bytes:
    return pair.certificate.public_bytes(Encoding.DER)
