"""Where a local cluster lives: its state folder, its networks, its ports.

The networks exist on this machine only. KUBELAB_ID (0 to 9) shifts all of it, so that several
clusters can share a machine; KUBELAB_DIR moves the state folder.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

DOMAIN: Final = "cluster.local"

_MOST_CLUSTERS: Final = 10


@dataclass(frozen=True, slots=True)
class Ports:
    """Fixed ports: the cluster's certificates, kubeconfigs and next `up` must find them again."""

    api: int
    etcd: int
    etcd_peer: int
    kubelet: int
    kubelet_health: int
    controller_manager: int
    scheduler: int
    proxy_health: int
    proxy_metrics: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything about one local cluster that follows from its number and its folder."""

    folder: Path
    number: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.number < _MOST_CLUSTERS:
            raise ValueError(f"KUBELAB_ID is {self.number}; it must be 0 to {_MOST_CLUSTERS - 1}")

    @classmethod
    def from_environment(cls) -> Layout:
        number = int(os.environ.get("KUBELAB_ID", "0"))
        folder = os.environ.get("KUBELAB_DIR") or Path(tempfile.gettempdir()) / f"kubelab{number}"
        return cls(Path(folder), number)

    @property
    def node(self) -> str:
        """Name of the only node, and of the cgroup that holds its pods."""
        return f"kubelab{self.number}"

    @property
    def bridge(self) -> str:
        """The bridge that pods hang on. Its address is the node's, and never visible outside the machine."""
        return f"klab{self.number}"

    @property
    def pods(self) -> IPv4Network:
        return IPv4Network(f"10.{77 + 2 * self.number}.0.0/16")

    @property
    def services(self) -> IPv4Network:
        return IPv4Network(f"10.{78 + 2 * self.number}.0.0/16")

    @property
    def address(self) -> str:
        """Address of the node and of the API server."""
        return str(self.pods[1])

    @property
    def api_service(self) -> str:
        """Address of the Service `kubernetes`: always the first."""
        return str(self.services[1])

    @property
    def dns_service(self) -> str:
        return str(self.services[10])

    @property
    def ports(self) -> Ports:
        first = 16443 + 100 * self.number
        return Ports(*range(first, first + 9))

    @property
    def api(self) -> str:
        return f"https://{self.address}:{self.ports.api}"

    @property
    def certificates(self) -> Path:
        return self.folder / "pki"

    @property
    def images(self) -> Path:
        """Archives on their way into the image store."""
        return self.folder / "images"

    @property
    def containerd_socket(self) -> Path:
        return self.folder / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.kubeconfig_of("admin")

    def kubeconfig_of(self, name: str) -> Path:
        return self.folder / f"{name}.kubeconfig"
