"""Whether the service could listen where it is told to."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import os
import ssl
from contextlib import closing
from typing import TYPE_CHECKING, Final

from listings.doctor.ports import holder_of, is_taken, starter_of, why_not

if TYPE_CHECKING:
    from listings.doctor.findings import Report
    from listings.settings import Settings

_UNPRIVILEGED: Final = 1024
_ANSWERS_WITHIN_SECONDS: Final = 2.0


async def check_ports(report: Report, settings: Settings) -> None:
    """Every port: different, free, allowed; or held by the service itself, as seen from inside its own pod."""
    server, admin = settings.server, settings.admin
    places = [
        ("gRPC", "LISTINGS_GRPC_PORT", server.grpc_host, server.grpc_port),
        ("HTTP", "LISTINGS_HTTP_PORT", server.http_host, server.http_port),
    ]
    if admin.grpc_port is not None:
        places.append(("admin gRPC", "LISTINGS_ADMIN_GRPC_PORT", admin.host, admin.grpc_port))
    if admin.http_port is not None:
        places.append(("admin HTTP", "LISTINGS_ADMIN_HTTP_PORT", admin.host, admin.http_port))
    names: dict[int, str] = {}
    for name, _, _, port in places:
        if port and port in names:
            report.error(
                "PORTS_EQUAL",
                f"{names[port]} and {name} are both told to listen on port {port}",
                why="One port serves one of them.",
                fix="Set LISTINGS_GRPC_PORT=50053 and LISTINGS_HTTP_PORT=8086, or others that differ.",
            )
            return
        names[port] = name
    encrypted = settings.tls.cert_path is not None and settings.tls.edges != "grpc"
    serving = await asyncio.to_thread(
        _holder_if_it_serves, server.http_host, server.http_port, encrypted=encrypted
    )
    for name, variable, host, port in places:
        error = why_not(host, port)
        if error is None:
            report.fine.append(f"{name} port {port} is free")
        elif is_taken(error) and serving and serving in (holder_of(port), starter_of(port)):
            report.info(
                "PORT_SERVED",
                f"{name} port {port} is held by a running Listings: {serving}",
                why="All is well if that is the service you ask about; a second one cannot start beside it.",
                fix=f"Nothing to do; a second one needs another port: {variable}={port + 1000}",
            )
        elif is_taken(error):
            report.error(
                "PORT_TAKEN",
                f"{name} port {port} is taken by {holder_of(port)}",
                why="The service cannot start beside it.",
                fix=f"Stop it, or choose another port: {variable}={port + 1000}",
            )
        elif error.errno in (errno.EACCES, errno.EPERM) and port < _UNPRIVILEGED:
            report.error(
                "PORT_FORBIDDEN",
                f"{name} port {port} needs the rights of root",
                why=f"Ports below {_UNPRIVILEGED} are reserved on this machine.",
                fix=f"Choose a higher one: {variable}={port + 50000}",
            )
        else:
            report.error(
                "ADDRESS_UNUSABLE",
                f"{name} cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}",
                why="The address does not belong to this machine.",
                fix=f"Set {_host_beside(variable)}=0.0.0.0",
            )


def _host_beside(variable: str) -> str:
    return "LISTINGS_ADMIN_HOST" if "_ADMIN_" in variable else variable.replace("_PORT", "_HOST")


def _holder_if_it_serves(host: str, port: int, *, encrypted: bool) -> str:
    """Who holds the HTTP port, when its /health is this service's; else nothing."""
    if port == 0 or why_not(host, port) is None:
        return ""
    here = "localhost" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    try:
        with closing(_connection(here, port, encrypted=encrypted)) as connection:
            connection.request("GET", "/health")
            checks = json.loads(connection.getresponse().read()).get("checks", {})
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return ""  # it does not speak HTTP, or not ours
    return holder_of(port) if {"database", "redis"} <= set(checks) else ""


def _connection(host: str, port: int, *, encrypted: bool) -> http.client.HTTPConnection:
    if not encrypted:
        return http.client.HTTPConnection(host, port, timeout=_ANSWERS_WITHIN_SECONDS)
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE  # nothing is told to it; who it is, its answer says
    return http.client.HTTPSConnection(host, port, timeout=_ANSWERS_WITHIN_SECONDS, context=anybody)
