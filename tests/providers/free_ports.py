"""Ports that nobody listens on, for servers that cannot be told to choose one themselves."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from typing import Final

# Below those that the kernel gives to whoever asks for any port, or for a connection: nobody else is given one in the
# seconds until the server binds it, or while it is killed and started again. Above what services are known by.
_FIRST: Final = 20_000
_LAST: Final = 29_999
_chance: Final = random.SystemRandom()  # workers would all draw the same otherwise


def free_port() -> int:
    """Return one free port of the loopback address."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different free ports of the loopback address."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            port = _chance.randint(_FIRST, _LAST)
            each = stack.enter_context(socket.socket())
            try:
                each.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found
