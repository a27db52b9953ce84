"""Reflection and channelz: on the gRPC port, or on one of their own that callers do not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from grpc_channelz.v1 import channelz as _channelz
from grpc_channelz.v1 import channelz_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from listings.transport.policy import SERVICE

if TYPE_CHECKING:
    from listings.settings import AdminSettings

_CHANNELZ: Final = channelz_pb2.DESCRIPTOR.services_by_name["Channelz"].full_name


def add_admin_services(server: grpc.aio.Server, *, reflects: bool, channelz: bool) -> None:
    """Serve what is switched on; the server's own option says whether channelz sees anything."""
    names = [SERVICE, health.SERVICE_NAME]
    if channelz:
        _channelz.add_channelz_servicer(server)  # type: ignore[arg-type] # its stubs know no aio
        names.append(_CHANNELZ)
    if reflects:
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)


class AdminGrpcServer:
    """What operators look at over gRPC, without TLS. Started and closed by `app.py`."""

    def __init__(self, settings: AdminSettings, *, reflects: bool) -> None:
        self._settings = settings
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined] # missing in its stubs
        self._server = grpc.aio.server(
            options=[("grpc.so_reuseport", 0), ("grpc.enable_channelz", int(settings.channelz))]
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_admin_services(self._server, reflects=reflects, channelz=settings.channelz)
        self.port = 0

    async def start(self) -> None:
        """Listen. Raises RuntimeError from grpcio when the port is taken."""
        self.port = self._server.add_insecure_port(f"{self._settings.host}:{self._settings.grpc_port}")
        await self._server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """Stop at once: nobody counts on an answer of it."""
        await self._server.stop(None)
