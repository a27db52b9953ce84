"""grpcio's aio server in front of the method table, with health and reflection beside it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from listings.doctor import ports
from listings.transport.grpc.admin import add_admin_services
from listings.transport.grpc.leaving import Leaving
from listings.transport.grpc.pipeline import bind
from listings.transport.policy import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Tracer

    from listings.metrics import CallMetrics
    from listings.settings import AdminSettings, ServerSettings, TimeoutSettings
    from listings.transport.grpc.pipeline import Unforeseen
    from listings.transport.guard import Guard
    from listings.transport.load import Load
    from listings.transport.table import Method

# A token of the longest kind (8 KiB) and what proxies add. grpcio refuses more at random up to the second number.
_METADATA_BYTES: Final = (16 * 1024, 32 * 1024)
# A client may ask this often whether we are there; who asks more often is told ENHANCE_YOUR_CALM and cut off.
_SHORTEST_PING_SECONDS: Final = 10
# When we ask a client that has been silent, and how long it may take: connections cut on the way are found.
_PING_SECONDS: Final = (60, 20)
# For TLS and HTTP/2 to be spoken on a new connection; grpcio would wait for two minutes.
_HANDSHAKE_SECONDS: Final = 10
_HEALTH_NAMES: Final = ("", SERVICE)
# grpcio's aio server takes the next call some turns of the event loop after the last one, too seldom to refuse what is
# too much at once. So several listen on the one port, and Linux deals connections out among them.
_LISTENERS: Final = 8 if sys.platform == "linux" else 1


class GrpcServer:
    """Started and drained by `app.py`."""

    def __init__(
        self,
        settings: ServerSettings,
        timeouts: TimeoutSettings,
        methods: Mapping[str, Method],
        metrics: CallMetrics,
        guard: Guard,
        load: Load,
        admin: AdminSettings,
        *,
        credentials: Callable[[], grpc.ServerCredentials | None] = lambda: None,
        tracer: Tracer | None = None,
        unforeseen: Unforeseen | None = None,
    ) -> None:
        """Each listener asks for `credentials` of its own; where there are none the port speaks no TLS."""
        self._settings = settings
        self._credentials = credentials
        self._metrics = metrics
        self._leaving = Leaving()
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined] # missing in its stubs
        options = [
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_channelz", int(admin.channelz)),
            *_ageing(settings),
            *_bounds(settings),
        ]
        self._servers = [grpc.aio.server(options=options) for _ in range(_LISTENERS)]
        handlers = {}
        for name, method in methods.items():
            policy = method.policy
            serve = bind(
                method,
                metrics.of(policy.path),
                guard,
                self._leaving,
                load,
                timeout_seconds=policy.time_limit(timeouts),
                tracer=tracer,
                unforeseen=unforeseen,
            )
            handlers[name] = grpc.unary_unary_rpc_method_handler(serve)
        for server in self._servers:
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            if admin.grpc_port is None:
                add_admin_services(server, reflects=settings.reflection, channelz=admin.channelz)
        self.port = 0

    async def start(self) -> None:
        """Listen. Raises RuntimeError when the port is taken."""
        host, self.port = self._settings.grpc_host, self._settings.grpc_port
        if self._settings.workers == 1:
            ports.require_free(host, self.port, edge="gRPC", named="LISTINGS_GRPC_PORT")
        for server in self._servers:
            address = f"{host}:{self.port}"
            credentials = self._credentials()
            if credentials is None:
                self.port = server.add_insecure_port(address)
            else:
                self.port = server.add_secure_port(address, credentials)
        for server in self._servers:
            await server.start()

    async def report_health(self, *, serving: bool) -> None:
        """Set the health service's answer for the server as a whole and for the service's name."""
        status = (
            health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in _HEALTH_NAMES:
            await self._health.set(name, status)

    async def leave(self) -> None:
        """Let clients and balancers know that they should go elsewhere; calls are still taken."""
        await self.report_health(serving=False)

    async def drain(self) -> None:
        """Send clients elsewhere, finish calls in flight within the configured time, then close."""
        await self._health.enter_graceful_shutdown()
        await self._leaving.hold(self._metrics.under_way)
        async with asyncio.TaskGroup() as stopping:
            for server in self._servers:
                stopping.create_task(server.stop(self._settings.drain_seconds))
            stopping.create_task(self._leaving.release())


def _bounds(settings: ServerSettings) -> list[tuple[str, int]]:
    """What one connection may take."""
    soft, hard = _METADATA_BYTES
    ping, answer = _PING_SECONDS
    return [
        ("grpc.max_concurrent_streams", settings.max_connection_calls),
        ("grpc.max_metadata_size", soft),
        ("grpc.absolute_max_metadata_size", hard),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_SECONDS * 1000),
        ("grpc.keepalive_time_ms", ping * 1000),
        ("grpc.keepalive_timeout_ms", answer * 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _SHORTEST_PING_SECONDS * 1000),
    ]


def _ageing(settings: ServerSettings) -> list[tuple[str, int]]:
    """When connections are asked to move on; grpcio spreads the moment by a tenth, so they do not all go at once."""
    grace = ("grpc.max_connection_age_grace_ms", round(settings.max_connection_age_grace_seconds * 1000))
    if not settings.max_connection_age_seconds:
        return [grace]
    return [("grpc.max_connection_age_ms", round(settings.max_connection_age_seconds * 1000)), grace]
