"""Whether the service could listen where it is told to."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import os
from contextlib import closing
from typing import TYPE_CHECKING, Final

from listings.doctor.ports import holder_of, is_taken, why_not

if TYPE_CHECKING:
    from listings.doctor.findings import Report
    from listings.settings import ServerSettings

_UNPRIVILEGED: Final = 1024
_ANSWERS_WITHIN_SECONDS: Final = 2.0


async def check_ports(report: Report, server: ServerSettings) -> None:
    """Both ports: different, free, allowed; or held by the service itself, as seen from inside its own pod."""
    if server.grpc_port == server.http_port != 0:
        report.error(
            "PORTS_EQUAL",
            f"gRPC and HTTP are both told to listen on port {server.grpc_port}",
            why="One port serves one of them.",
            fix="Set LISTINGS_GRPC_PORT=50053 and LISTINGS_HTTP_PORT=8086, or other two.",
        )
        return
    serving = await asyncio.to_thread(_holder_if_it_serves, server.http_host, server.http_port)
    for name, variable, host, port in (
        ("gRPC", "LISTINGS_GRPC_PORT", server.grpc_host, server.grpc_port),
        ("HTTP", "LISTINGS_HTTP_PORT", server.http_host, server.http_port),
    ):
        error = why_not(host, port)
        if error is None:
            report.fine.append(f"{name} port {port} is free")
        elif is_taken(error) and serving and holder_of(port) == serving:
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
                fix=f"Set {variable.replace('_PORT', '_HOST')}=0.0.0.0",
            )


def _holder_if_it_serves(host: str, port: int) -> str:
    """Who holds the HTTP port, when its /health is this service's; else nothing."""
    if port == 0 or why_not(host, port) is None:
        return ""
    here = "localhost" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    try:
        with closing(http.client.HTTPConnection(here, port, timeout=_ANSWERS_WITHIN_SECONDS)) as connection:
            connection.request("GET", "/health")
            checks = json.loads(connection.getresponse().read()).get("checks", {})
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return ""  # it does not speak HTTP, or not ours
    return holder_of(port) if {"database", "redis"} <= set(checks) else ""
