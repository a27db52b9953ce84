"""containerd: the engine that runs the pods, with its configuration and its image store."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from e2e.cluster.archives import Image, write_archive
from e2e.cluster.files import put
from e2e.cluster.host import cni_plugins
from e2e.cluster.processes import ClusterError, environment_path, run

if TYPE_CHECKING:
    from e2e.cluster.layout import Layout
    from e2e.cluster.processes import Processes

PAUSE: Final = "localhost/kubelab/pause:1"

# The process that holds a pod's namespaces: it sleeps, and reaps what its siblings leave.
_PAUSE_SOURCE: Final = """\
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void leave(int signal) { _exit(0); }
static void reap(int signal) { while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) {
    signal(SIGINT, leave); signal(SIGTERM, leave); signal(SIGCHLD, reap);
    for (;;) pause();
}
"""
_NETWORK_NAMESPACES: Final = ("/var/run/netns/cni-", "/run/netns/cni-")


@dataclass(frozen=True, slots=True)
class Containers:
    """One containerd, in the cluster's folder, apart from any other on the machine."""

    layout: Layout
    processes: Processes

    def start(self) -> None:
        """Start the engine and wait until it answers."""
        self._write_network()
        config = put(self.layout.folder / "containerd.toml", self._config())
        program = shutil.which("containerd", path=environment_path()) or "containerd"
        self.processes.start("containerd", program, "-c", config)
        self.processes.wait("containerd answers", lambda: bool(self.ctr("version")), needs="containerd")

    def ctr(self, *arguments: str | Path, check: bool = True) -> str:
        """Run containerd's own client in the namespace that kubelet uses."""
        return run("ctr", "-a", self.layout.containerd_socket, "-n", "k8s.io", *arguments, check=check)

    def images(self) -> set[str]:
        """Return the references in the image store."""
        return set(self.ctr("images", "ls", "-q").split())

    def load(self, archive: Path) -> None:
        """Take an archive, as `docker save` writes it, into the image store."""
        self.ctr("images", "import", archive)

    def add(self, image: Image) -> None:
        """Make an image and take it into the store."""
        name = hashlib.sha256(image.reference.encode()).hexdigest()[:12]
        archive = write_archive(image, self.layout.images / f"{name}.tar")
        self.load(archive)
        archive.unlink()

    def add_pause(self) -> None:
        """Make the image that every pod begins with."""
        if PAUSE in self.images():
            return
        folder = self.layout.images
        folder.mkdir(exist_ok=True)
        source, program = folder / "pause.c", folder / "pause"
        source.write_text(_PAUSE_SOURCE)
        if not shutil.which("gcc"):
            raise ClusterError("gcc is missing: apt-get install gcc libc6-dev")
        run("gcc", "-Os", "-static", "-s", "-o", program, source)
        self.add(Image(PAUSE, files={"/pause": program}, entrypoint=("/pause",), user="65535:65535"))

    def remove_all(self) -> None:
        """End every container and the network namespaces they had."""
        namespaces: set[Path] = set()
        for container in self.ctr("containers", "ls", "-q", check=False).split():
            known = json.loads(self.ctr("containers", "info", container, check=False) or "{}")
            linux = (known.get("Spec") or {}).get("linux", {})
            paths = (
                each.get("path", "") for each in linux.get("namespaces", []) if each["type"] == "network"
            )
            namespaces |= {Path(path) for path in paths if path.startswith(_NETWORK_NAMESPACES)}
            self.ctr("tasks", "rm", "-f", container, check=False)  # its shim goes with it
            self.ctr("containers", "rm", container, check=False)
        for namespace in namespaces:
            run("umount", "-l", namespace, check=False)
            namespace.unlink(missing_ok=True)

    def _write_network(self) -> None:
        layout = self.layout
        bridge = {
            "type": "bridge",
            "bridge": layout.bridge,
            "isGateway": True,
            "isDefaultGateway": True,
            "hairpinMode": True,  # a pod may call its own Service
            "ipMasq": False,  # and nobody outside
            "ipam": {
                "type": "host-local",
                "dataDir": str(layout.folder / "cni-addresses"),
                "ranges": [
                    [
                        {
                            "subnet": str(layout.pods),
                            "rangeStart": str(layout.pods[16]),
                            "gateway": layout.address,
                        }
                    ]
                ],
            },
        }
        plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
        network = {"cniVersion": "0.4.0", "name": layout.node, "plugins": plugins}
        put(layout.folder / "cni.d" / "10-kubelab.conflist", json.dumps(network, indent=1))

    def _config(self) -> str:
        """Return the configuration. Without CAP_SYS_RESOURCE nobody may lower an out-of-memory score, so
        what kubelet asks for (negative ones) is clamped to the engine's own.
        """
        folder = self.layout.folder
        runc = shutil.which("runc", path=environment_path())
        return f"""\
version = 2
root = "{folder}/containerd"
state = "{folder}/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{self.layout.containerd_socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_plugins()}"
    conf_dir = "{folder}/cni.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
"""
