"""What a local cluster changes on its machine, and how each change is undone.

The pod bridge with its route, two packet filter rules, a cgroup, and a few kernel settings that
kubelet rewrites. Only our own traces are taken away: other people's rules and mounts stay.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from e2e.cluster.processes import ClusterError, environment_path, run

if TYPE_CHECKING:
    from e2e.cluster.layout import Layout

DEBIAN_PACKAGES: Final = "containerd runc containernetworking-plugins iptables conntrack"

_PROGRAMS: Final = ("containerd", "ctr", "runc", "iptables", "conntrack", "ip")
_CNI_FOLDERS: Final = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))

# As a group, all pods together weigh as much as one process of the machine; this many times as much makes them a node's.
_WEIGHTS: Final = {"cpu.shares": str(16 * 1024), "cpu.weight": str(16 * 100)}

_SET_TO_1: Final = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")
_REWRITTEN_BY_KUBELET: Final = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")


def what_is_missing() -> list[str]:
    """Return what this machine lacks for a local cluster, as sentences; empty when it has everything."""
    lacks = []
    if os.geteuid():
        lacks.append("it needs root")
    missing = [name for name in _PROGRAMS if not shutil.which(name, path=environment_path())]
    if missing or not _cni_folder():
        lacks.append(
            f"{', '.join(missing) or 'CNI plugins'} missing: apt-get install --no-install-recommends {DEBIAN_PACKAGES}"
        )
    return lacks


def cni_plugins() -> Path:
    """Return the folder of the network plugins."""
    folder = _cni_folder()
    if folder is None:
        raise ClusterError("no CNI plugins found: apt-get install containernetworking-plugins")
    return folder


def _cni_folder() -> Path | None:
    return next((folder for folder in _CNI_FOLDERS if (folder / "bridge").exists()), None)


@dataclass(frozen=True, slots=True)
class Host:
    """The machine under one cluster."""

    layout: Layout

    def prepare(self) -> None:
        """Make bridge, route, filter rules, kernel settings and cgroup; harmless when they are there."""
        self._save_kernel_settings()
        layout = self.layout
        if not Path(f"/sys/class/net/{layout.bridge}").exists():
            run("ip", "link", "add", layout.bridge, "type", "bridge")
        run("ip", "addr", "replace", f"{layout.address}/16", "dev", layout.bridge)
        run("ip", "link", "set", layout.bridge, "up")
        # Service addresses get a route to the bridge: host processes reach them even where there is no
        # default route, and packets for a dead Service never leave through the real interface.
        run("ip", "route", "replace", str(layout.services), "dev", layout.bridge, "src", layout.address)
        for setting in _SET_TO_1:
            if _kernel(setting).exists():
                _kernel(setting).write_text("1")
        for rule in self._forward_rules():
            if not _filter_has(rule):
                run("iptables", "-w", "-I", "FORWARD", "1", *rule)
        self._make_cgroup()

    def restore(self) -> None:
        """Undo everything `prepare` did and everything the cluster's own programs left."""
        unmount_below(self.layout.folder)
        for rule in self._forward_rules():
            while _filter_has(rule):
                run("iptables", "-w", "-D", "FORWARD", *rule)
        _remove_chains()
        for root in _cgroup_roots():
            _remove_tree_of_cgroups(root / self.layout.node)
        if Path(f"/sys/class/net/{self.layout.bridge}").exists():
            run("ip", "link", "del", self.layout.bridge)
        # kubelet's folder of links to logs is fixed; remove those of our pods.
        for link in Path("/var/log/containers").glob("*.log"):
            if link.is_symlink() and str(link.readlink()).startswith(f"{self.layout.folder}/"):
                link.unlink()
        if self._saved.exists():
            for setting, value in json.loads(self._saved.read_text()).items():
                _kernel(setting).write_text(value)

    @property
    def _saved(self) -> Path:
        return self.layout.folder / "kernel-settings.json"

    def _save_kernel_settings(self) -> None:
        if self._saved.exists():
            return
        settings = (*_SET_TO_1, *_REWRITTEN_BY_KUBELET)
        values = {name: _kernel(name).read_text().strip() for name in settings if _kernel(name).exists()}
        self._saved.parent.mkdir(parents=True, exist_ok=True)
        self._saved.write_text(json.dumps(values))

    def _forward_rules(self) -> list[list[str]]:
        """A Docker engine drops what is forwarded, and bridged pod traffic passes that chain."""
        pods = str(self.layout.pods)
        return [["-s", pods, "-j", "ACCEPT"], ["-d", pods, "-j", "ACCEPT"]]

    def _make_cgroup(self) -> None:
        for root in _cgroup_roots():
            group = root / self.layout.node
            group.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                # A new cpuset of cgroup v1 is empty, and would refuse every process.
                if (group / name).exists() and not (group / name).read_text().strip():
                    (group / name).write_text((root / name).read_text())
            for name, weight in _WEIGHTS.items():
                if (group / name).exists():
                    (group / name).write_text(weight)


def unmount_below(folder: Path) -> None:
    """Take away every mount below a folder, so that it can be deleted; raise ClusterError when one stays."""
    for place in sorted(_mounts_below(folder), key=len, reverse=True):  # deepest first
        run("umount", "-l", place, check=False)
    left = _mounts_below(folder)
    if left:
        raise ClusterError(f"still mounted, so nothing is deleted: {', '.join(left[:3])}")


def _kernel(setting: str) -> Path:
    return Path("/proc/sys") / setting


def _filter_has(rule: list[str]) -> bool:
    try:
        run("iptables", "-w", "-C", "FORWARD", *rule)
    except ClusterError:
        return False
    return True


def _remove_chains() -> None:
    """Remove the chains of kube-proxy, kubelet and the network plugins, and what jumps to them."""
    for tool in ("iptables", "ip6tables"):
        for table in ("filter", "nat", "mangle"):
            rules = run(f"{tool}-save", "-t", table, check=False).splitlines()
            chains = [rule[1:].split()[0] for rule in rules if rule.startswith((":KUBE-", ":CNI-"))]
            for rule in rules:
                words = rule.split()
                if words[:1] == ["-A"] and words[1] not in chains and words[-1] in chains:
                    run("sh", "-c", f"{tool} -w -t {table} -D{rule[2:]}", check=False)
            for flag in ("-F", "-X"):
                for chain in chains:
                    run(tool, "-w", "-t", table, flag, chain, check=False)


def _cgroup_roots() -> list[Path]:
    """Return the mounted hierarchies: kubelet wants its group in each of v1, name=systemd too."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return [Path(place) for _, place, kind, *_ in mounts if kind in {"cgroup", "cgroup2"}]


def _remove_tree_of_cgroups(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):  # a zombie may still be counted in it; an empty group costs nothing
            Path(folder).rmdir()


def _mounts_below(folder: Path) -> list[str]:
    places = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    decoded = (place.encode().decode("unicode_escape") for place in places)
    return [place for place in decoded if place.startswith(f"{folder}/")]
