"""A real single-node Kubernetes cluster from plain processes: up, down, and what is in between.

etcd, API server, controller manager, scheduler, kubelet, kube-proxy and containerd run as processes
of the host; pods are real containers on a bridge. It needs root and a few Debian packages, but no
image registry, no systemd, no privileged container and no CAP_SYS_RESOURCE.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from e2e.cluster import dns
from e2e.cluster.binaries import API, NODE, Binaries
from e2e.cluster.containers import Containers
from e2e.cluster.control_plane import ControlPlane, issue_certificates
from e2e.cluster.host import Host, what_is_missing
from e2e.cluster.kubectl import Kubectl, KubectlError
from e2e.cluster.layout import Layout
from e2e.cluster.node import Node
from e2e.cluster.processes import ClusterError, Processes, alone, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_DECIDING: Final = ("kubelet", "kube-scheduler", "kube-controller-manager", "kube-proxy")
_KEEPING: Final = ("kube-apiserver", "etcd", "containerd")
COMPONENTS: Final = (*_KEEPING, *_DECIDING)


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """One cluster of this machine, running or not."""

    layout: Layout
    binaries: Binaries

    @classmethod
    def from_environment(cls) -> LocalCluster:
        return cls(Layout.from_environment(), Binaries.cached())

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.binaries["kubectl"], self.layout.kubeconfig)

    @property
    def processes(self) -> Processes:
        return Processes(self.layout.folder)

    @property
    def containers(self) -> Containers:
        return Containers(self.layout, self.processes)

    @property
    def _lock(self) -> Path:
        """What keeps a start from meeting a stop half way."""
        return self.layout.folder.with_suffix(".lock")

    def is_running(self) -> bool:
        """Tell whether every part runs."""
        return all(self.processes.pid(name) for name in COMPONENTS)

    def up(self) -> None:
        """Start what does not run, and return when pods can be made and names be resolved."""
        lacks = what_is_missing()
        if lacks:
            raise ClusterError("; ".join(lacks))
        self.binaries.build([*API, *NODE])
        with alone(self._lock):
            self._up()

    def _up(self) -> None:
        started = time.monotonic()
        processes, containers = self.processes, self.containers
        host, node = Host(self.layout), Node(self.layout, processes, self.binaries)
        self.layout.folder.mkdir(parents=True, exist_ok=True)
        control = ControlPlane(self.layout, processes, self.binaries, issue_certificates(self.layout))
        host.prepare()
        control.start_api()
        # The API server takes a few seconds; containers and their first images are ready before it.
        containers.start()
        containers.add_pause()
        if dns.IMAGE not in containers.images():
            containers.add(dns.image(self.binaries["coredns"]))
        control.wait_for_api()
        control.start_controllers()
        node.start()
        self._wait("node ready", lambda: node.is_ready(self.kubectl), needs="kubelet")
        say(f"node ready after {time.monotonic() - started:.1f} s")
        self.kubectl.apply(*dns.objects(self.layout), manager="kubelab")
        self._wait("cluster DNS ready", self._dns_is_ready)
        # Pods of a namespace are refused until the controller manager has made its account.
        self._wait("default service account", self._has_default_account)
        dead = [name for name in COMPONENTS if not processes.pid(name)]
        if dead:
            raise ClusterError(f"{dead[0]} died:\n{processes.last_lines(dead[0])}")
        say(f"up after {time.monotonic() - started:.1f} s")

    def down(self) -> None:
        """Stop everything, in an order in which nothing is started again, and undo every trace on the host."""
        with alone(self._lock):
            self._down()

    def _down(self) -> None:
        processes, containers = self.processes, self.containers
        for name in _DECIDING:
            processes.stop(name)
        if processes.pid("containerd"):
            containers.remove_all()
        for name in _KEEPING:
            processes.stop(name)
        if self.layout.folder.exists():
            Node(self.layout, processes, self.binaries).clean_up()
            Host(self.layout).restore()
            shutil.rmtree(self.layout.folder)
        say("down")

    def _wait(self, what: str, holds: Callable[[], bool], *, needs: str = "kube-apiserver") -> None:
        def tried() -> bool:
            try:
                return holds()
            except KubectlError as error:
                raise ClusterError(str(error)) from error

        self.processes.wait(what, tried, needs=needs)

    def _dns_is_ready(self) -> bool:
        deployment = self.kubectl.within(dns.NAMESPACE).get("deployment", "coredns")
        return bool(deployment["status"].get("readyReplicas"))

    def _has_default_account(self) -> bool:
        return any(each["metadata"]["name"] == "default" for each in self.kubectl.get("serviceaccounts"))
