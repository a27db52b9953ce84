"""What an e2e test sees of a cluster, and what a provider of clusters promises."""

from __future__ import annotations

import socket
import time
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from e2e.cluster.kubectl import Kubectl

_PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is up: the same for a test, whoever provides it."""

    provider: str
    kubectl: Kubectl
    load: Callable[[Path], None]
    """Takes an archive, as `docker save` writes it, to where pods find its image."""
    pulls: bool
    """Whether nodes pull public images by themselves; if not, PostgreSQL and Redis are loaded too."""
    reaches_services: bool = False
    """Whether this machine reaches the addresses of Services."""

    @property
    def kubeconfig(self) -> Path:
        return self.kubectl.kubeconfig

    @contextmanager
    def reach(self, namespace: str, service: str, port: int) -> Iterator[str]:
        """Give an address (host:port) of a Service for a client on this machine.

        Where Services are reached directly, it outlives pods; elsewhere it leads to one pod and ends with it.
        """
        kubectl = self.kubectl.within(namespace)
        if self.reaches_services:
            address = kubectl.get("service", service)["spec"]["clusterIP"]
            _wait_until_accepting(address, port)
            yield f"{address}:{port}"
            return
        with kubectl.forwarded(f"service/{service}", port) as address:
            yield address


class Provider(Protocol):
    """Gives clusters of one kind."""

    @property
    def name(self) -> str:
        """What LISTINGS_E2E_PROVIDER calls it."""

    def obstacle(self) -> str:
        """Say why it cannot give one here; empty when it can."""

    def open(self) -> AbstractContextManager[Cluster]:
        """Give a cluster, and take away afterwards what was not there before."""


def _wait_until_accepting(address: str, port: int) -> None:
    """Wait for the node's packet filter, which learns of a ready pod a moment after the API does."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
