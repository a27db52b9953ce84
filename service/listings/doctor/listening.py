"""Whether the service could listen where it is told to."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from listings.doctor.ports import holder_of, is_taken, why_not

if TYPE_CHECKING:
    from listings.doctor.findings import Report
    from listings.settings import ServerSettings

_UNPRIVILEGED: Final = 1024


def check_ports(report: Report, server: ServerSettings) -> None:
    """Both ports: different, free, allowed."""
    if server.grpc_port == server.http_port != 0:
        report.error(
            "PORTS_EQUAL",
            f"gRPC and HTTP are both told to listen on port {server.grpc_port}",
            why="One port serves one of them.",
            fix="Set LISTINGS_GRPC_PORT=50053 and LISTINGS_HTTP_PORT=8086, or other two.",
        )
        return
    for name, variable, host, port in (
        ("gRPC", "LISTINGS_GRPC_PORT", server.grpc_host, server.grpc_port),
        ("HTTP", "LISTINGS_HTTP_PORT", server.http_host, server.http_port),
    ):
        error = why_not(host, port)
        if error is None:
            report.fine.append(f"{name} port {port} is free")
        elif is_taken(error):
            report.error(
                "PORT_TAKEN",
                f"{name} port {port} is taken by {holder_of(port)}",
                why="The service cannot start beside it (if that is the service itself, all is well).",
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
