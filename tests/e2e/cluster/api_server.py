"""A Kubernetes API without a cluster behind it: etcd and kube-apiserver, up in seconds, no root.

For tests of what the API server itself decides: schemas, CEL rules, defaults, server-side apply,
roles. Nothing schedules pods, collects garbage or empties namespaces; objects stay as written.
"""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from e2e.cluster.certificates import ADMINISTRATORS, Authority, service_account_keys
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.processes import Processes
from providers.free_ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.cluster.binaries import Binaries

_ADDRESS: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running API: its address, an administrator's kubeconfig, and kubectl."""

    url: str
    kubeconfig: Path
    kubectl: Kubectl


@contextmanager
def run_api_server(folder: Path, binaries: Binaries) -> Iterator[ApiServer]:
    """Run etcd and kube-apiserver in a folder of the caller's; both end with the block or with the caller."""
    processes = Processes(folder, die_with_parent=True)
    client, peer, secure = free_ports(3)
    authority = Authority.found_or_made(folder / "pki", "ca")
    authority.issue("apiserver", "kube-apiserver", hosts=[_ADDRESS, "localhost"])
    authority.issue("admin", "kubelab-admin", groups=[ADMINISTRATORS])
    url = f"https://{_ADDRESS}:{secure}"
    kubeconfig = authority.kubeconfig("admin", url, folder / "admin.kubeconfig")
    try:
        start_etcd(processes, binaries, client_port=client, peer_port=peer)
        private, public = service_account_keys(authority.folder)
        processes.start(
            "kube-apiserver",
            binaries["kube-apiserver"],
            f"--bind-address={_ADDRESS}",
            f"--advertise-address={_ADDRESS}",
            f"--secure-port={secure}",
            f"--etcd-servers=http://{_ADDRESS}:{client}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            # Nobody makes the accounts that it asks for.
            "--disable-admission-plugins=ServiceAccount",
            # A loopback address may not stand in an Endpoints object.
            "--endpoint-reconciler-type=none",
            f"--client-ca-file={authority.folder}/ca.crt",
            f"--tls-cert-file={authority.folder}/apiserver.crt",
            f"--tls-private-key-file={authority.folder}/apiserver.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={private}",
        )
        wait_for_api(processes, authority, url)
        yield ApiServer(url, kubeconfig, Kubectl(binaries["kubectl"], kubeconfig))
    finally:
        processes.stop("kube-apiserver", grace_seconds=0.0)  # nothing is to be kept
        processes.stop("etcd", grace_seconds=0.0)


def start_etcd(processes: Processes, binaries: Binaries, *, client_port: int, peer_port: int) -> None:
    """Start etcd on the loopback address. Without fsync: nothing in it outlives the test."""
    client, peer = f"http://{_ADDRESS}:{client_port}", f"http://{_ADDRESS}:{peer_port}"
    processes.start(
        "etcd",
        binaries["etcd"],
        "--name=kubelab",
        f"--data-dir={processes.folder / 'etcd'}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=kubelab={peer}",
    )
    processes.wait("etcd healthy", lambda: "true" in read(f"{client}/health"), needs="etcd")


def wait_for_api(processes: Processes, authority: Authority, url: str) -> None:
    """Wait until the API server says of itself that it is ready."""
    trust = ssl.create_default_context(cafile=str(authority.folder / "ca.crt"))
    trust.load_cert_chain(authority.folder / "admin.crt", authority.folder / "admin.key")
    processes.wait("API server ready", lambda: read(f"{url}/readyz", trust) == "ok", needs="kube-apiserver")


def read(url: str, trust: ssl.SSLContext | None = None) -> str:
    """Return the body of an answer, good or bad; raises OSError when there is none."""
    try:
        answer = urllib.request.urlopen(url, timeout=3, context=trust)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    with answer:
        body: bytes = answer.read()
    return body.decode()
