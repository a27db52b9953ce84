"""Ports that nobody listens on, for servers that cannot be told to choose one themselves."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_port() -> int:
    """Return one free port of the loopback address."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different free ports of the loopback address.

    The kernel gives out such ports in turn, so for the moment until the server binds it, nobody
    else who asks is given the same.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
