"""Reflection, channelz and metrics: switched, and moved to ports that callers do not reach."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
import pytest
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from providers.refusals import refused

from listings.transport.policy import SERVICE

CHANNELZ = "grpc.channelz.v1.Channelz"


async def reflected(channel: grpc.aio.Channel) -> set[str]:
    """The services that reflection names."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)

    async def asked() -> Any:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    answers = [answer async for answer in stub.ServerReflectionInfo(asked(), timeout=20)]
    return {service.name for service in answers[0].list_services_response.service}


async def seen_servers(channel: grpc.aio.Channel) -> int:
    """How many servers of the process channelz shows that were called at least once."""
    stub = channelz_pb2_grpc.ChannelzStub(channel)
    answer = await stub.GetServers(channelz_pb2.GetServersRequest(), timeout=20)
    return sum(server.data.calls_started > 0 for server in answer.server)


async def status_of(port: int, path: str) -> int:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"http://127.0.0.1:{port}{path}")).status_code


async def test_as_shipped_reflection_and_metrics_are_on_and_channelz_is_not(service):
    assert {SERVICE, "grpc.health.v1.Health"} <= await reflected(service.channel)
    assert CHANNELZ not in await reflected(service.channel)
    error = await refused(seen_servers(service.channel))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert await status_of(service.app.http_port, "/metrics") == 200


async def test_all_can_be_switched(start_service):
    async with start_service(
        server={"reflection": False}, admin={"metrics": False, "channelz": True}
    ) as service:
        error = await refused(reflected(service.channel))
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        assert await seen_servers(service.channel) >= 1
        assert await status_of(service.app.http_port, "/metrics") == 404
        assert await status_of(service.app.http_port, "/health/live") == 200


async def test_on_ports_of_their_own_they_leave_the_callers_ports(start_service):
    admin = {"http_port": 0, "grpc_port": 0, "channelz": True}
    async with start_service(admin=admin) as service:
        app = service.app
        assert app.admin_http is not None
        assert app.admin_grpc is not None
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.admin_grpc.port}") as channel:
            assert {SERVICE, CHANNELZ} <= await reflected(channel)
            for ask in (reflected, seen_servers):
                error = await refused(ask(service.channel))
                assert error.code() is grpc.StatusCode.UNIMPLEMENTED
            assert await seen_servers(channel) >= 2
        assert await status_of(app.http_port, "/metrics") == 404
        assert await status_of(app.admin_http.port, "/metrics") == 200
        for port in (app.http_port, app.admin_http.port):
            assert await status_of(port, "/health/ready") == 200
        assert await status_of(app.admin_http.port, "/api/v1/categories") == 404


async def test_a_taken_admin_port_is_said_with_its_setting(start_service, service):
    taken = {"http_port": service.app.http_port}
    with pytest.raises(RuntimeError, match="LISTINGS_ADMIN_HTTP_PORT"):
        async with start_service(admin=taken):
            pass
