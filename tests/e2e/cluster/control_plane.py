"""The control plane of a local cluster: etcd, API server, controller manager, scheduler, as host processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from e2e.cluster.api_server import start_etcd, wait_for_api
from e2e.cluster.certificates import ADMINISTRATORS, Authority, service_account_keys
from e2e.cluster.layout import DOMAIN

if TYPE_CHECKING:
    from e2e.cluster.binaries import Binaries
    from e2e.cluster.layout import Layout
    from e2e.cluster.processes import Processes

CLIENTS: Final = ("kube-controller-manager", "kube-scheduler", "kube-proxy")
"""Components that show a certificate with the name the API server's built-in roles are bound to."""


def issue_certificates(layout: Layout) -> Authority:
    """Make the authorities, every certificate and every kubeconfig of the cluster, those that are missing."""
    authority = Authority.found_or_made(layout.certificates, "ca")
    service = f"kubernetes.default.svc.{DOMAIN}"
    hosts = ["127.0.0.1", layout.address, layout.api_service, "localhost", layout.node]
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", service]
    authority.issue("apiserver", "kube-apiserver", hosts=[*hosts, *names])
    authority.issue("apiserver-kubelet", "kube-apiserver-kubelet-client", groups=[ADMINISTRATORS])
    authority.issue("kubelet-server", layout.node, hosts=[layout.address, layout.node])
    authority.issue("admin", "kubelab-admin", groups=[ADMINISTRATORS])
    # The Node authorizer looks at exactly this user and this group.
    authority.issue("kubelet", f"system:node:{layout.node}", groups=["system:nodes"])
    for client in CLIENTS:
        authority.issue(client, f"system:{client}")
    for name in ("admin", "kubelet", *CLIENTS):
        authority.kubeconfig(name, layout.api, layout.kubeconfig_of(name))
    Authority.found_or_made(layout.certificates, "front-proxy-ca").issue("front-proxy", "front-proxy-client")
    service_account_keys(layout.certificates)
    return authority


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The four processes that decide; nothing in it runs pods."""

    layout: Layout
    processes: Processes
    binaries: Binaries
    authority: Authority

    def start_api(self) -> None:
        """Start etcd and the API server, without waiting for the latter."""
        ports = self.layout.ports
        start_etcd(self.processes, self.binaries, client_port=ports.etcd, peer_port=ports.etcd_peer)
        keys = self.authority.folder
        private, public = service_account_keys(keys)
        self.processes.start(
            "kube-apiserver",
            self.binaries["kube-apiserver"],
            f"--bind-address={self.layout.address}",
            f"--advertise-address={self.layout.address}",
            f"--secure-port={ports.api}",
            f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
            f"--service-cluster-ip-range={self.layout.services}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--client-ca-file={keys}/ca.crt",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            f"--kubelet-client-certificate={keys}/apiserver-kubelet.crt",
            f"--kubelet-client-key={keys}/apiserver-kubelet.key",
            f"--kubelet-certificate-authority={keys}/ca.crt",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={private}",
            # For APIs that pods serve, as a metrics server does.
            f"--requestheader-client-ca-file={keys}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={keys}/front-proxy.crt",
            f"--proxy-client-key-file={keys}/front-proxy.key",
            "--endpoint-reconciler-type=lease",
        )

    def wait_for_api(self) -> None:
        wait_for_api(self.processes, self.authority, self.layout.api)

    def start_controllers(self) -> None:
        """Start controller manager and scheduler: one of each, so nobody needs to elect a leader."""
        keys, ports = self.authority.folder, self.layout.ports
        private, _ = service_account_keys(keys)
        self._start_controller(
            "kube-controller-manager",
            ports.controller_manager,
            f"--root-ca-file={keys}/ca.crt",
            f"--service-account-private-key-file={private}",
            "--use-service-account-credentials=true",
            f"--cluster-signing-cert-file={keys}/ca.crt",
            f"--cluster-signing-key-file={keys}/ca.key",
            f"--cluster-name={self.layout.node}",
        )
        self._start_controller("kube-scheduler", ports.scheduler)

    def _start_controller(self, name: str, port: int, *options: str) -> None:
        config = self.layout.kubeconfig_of(name)
        self.processes.start(
            name,
            self.binaries[name],
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            "--leader-elect=false",
            *options,
        )
