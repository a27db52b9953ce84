"""The only node of a local cluster: kubelet and kube-proxy, as host processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from e2e.cluster.files import put
from e2e.cluster.layout import DOMAIN

if TYPE_CHECKING:
    from e2e.cluster.binaries import Binaries
    from e2e.cluster.kubectl import Kubectl
    from e2e.cluster.layout import Layout
    from e2e.cluster.processes import Processes


@dataclass(frozen=True, slots=True)
class Node:
    """Runs pods and carries their traffic."""

    layout: Layout
    processes: Processes
    binaries: Binaries

    def start(self) -> None:
        """Start both, without waiting for the node to be ready."""
        layout, folder = self.layout, self.layout.folder
        kubelet = put(folder / "kubelet.json", json.dumps(self._kubelet(), indent=1))
        self.processes.start(
            "kubelet",
            self.binaries["kubelet"],
            f"--config={kubelet}",
            f"--kubeconfig={layout.kubeconfig_of('kubelet')}",
            f"--hostname-override={layout.node}",
            f"--node-ip={layout.address}",
            f"--root-dir={folder / 'kubelet'}",
            f"--cert-dir={folder / 'kubelet-pki'}",
        )
        proxy = put(folder / "kube-proxy.json", json.dumps(self._proxy(), indent=1))
        self.processes.start("kube-proxy", self.binaries["kube-proxy"], f"--config={proxy}")

    def clean_up(self) -> None:
        """Remove the packet filter rules of kube-proxy, which has stopped."""
        program = self.binaries["kube-proxy"]
        if program.exists():
            self.processes.start("kube-proxy-cleanup", program, "--cleanup")
            self.processes.wait("rules removed", lambda: not self.processes.pid("kube-proxy-cleanup"))

    def is_ready(self, kubectl: Kubectl) -> bool:
        nodes = kubectl.get("nodes")
        conditions = [each for node in nodes for each in node["status"].get("conditions", [])]
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def _kubelet(self) -> dict[str, Any]:
        layout, keys = self.layout, self.layout.certificates
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": layout.address,
            "port": layout.ports.kubelet,
            "readOnlyPort": 0,
            "healthzBindAddress": "127.0.0.1",
            "healthzPort": layout.ports.kubelet_health,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{keys}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{keys}/kubelet-server.crt",
            "tlsPrivateKeyFile": f"{keys}/kubelet-server.key",
            "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{layout.node}",
            "failCgroupV1": False,  # a plain machine may have nothing newer
            "failSwapOn": False,
            "protectKernelDefaults": False,
            "oomScoreAdj": 0,  # its usual -999 needs CAP_SYS_RESOURCE
            "clusterDNS": [layout.dns_service],
            "clusterDomain": DOMAIN,
            "resolvConf": "/etc/resolv.conf",
            # There is no registry: a collected image could not be pulled again.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            # The disk is shared with everything else on the machine; its fullness is not our pods' doing.
            "evictionHard": {
                "memory.available": "200Mi",
                "nodefs.available": "1%",
                "nodefs.inodesFree": "1%",
                "imagefs.available": "1%",
            },
            "podLogsDir": str(layout.folder / "pod-logs"),
            "volumePluginDir": str(layout.folder / "volume-plugins"),
            "serializeImagePulls": False,
            "maxPods": 200,
            "logging": {"verbosity": 2},
        }

    def _proxy(self) -> dict[str, Any]:
        """Return kube-proxy's configuration; the host's connection tracking and loopback stay as they are."""
        layout = self.layout
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(layout.kubeconfig_of("kube-proxy"))},
            "hostnameOverride": layout.node,
            "clusterCIDR": str(layout.pods),
            "bindAddress": layout.address,
            "healthzBindAddress": f"127.0.0.1:{layout.ports.proxy_health}",
            "metricsBindAddress": f"127.0.0.1:{layout.ports.proxy_metrics}",
            "nodePortAddresses": [f"{layout.address}/32"],
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
            "iptables": {"localhostNodePorts": False, "minSyncPeriod": "0.2s", "syncPeriod": "30s"},
        }
