"""The programs a cluster is made of, built once from pinned Go modules and kept in a cache folder.

Nothing is downloaded but Go modules. Beside each program lies a note of what it was built from; a
program without its note, or with another one, is built again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from e2e.cluster.processes import ClusterError, alone, run, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MODULES: Final = Path(__file__).parent / "modules"

KUBERNETES: Final = "1.34.4"
ETCD: Final = "3.6.4"
COREDNS: Final = "1.15.0"
HELM_3: Final = "3.22.0"
HELM_4: Final = "4.3.1"
PROMETHEUS_OPERATOR: Final = "0.85.0"
PROMETHEUS: Final = "3.5.0"
"""The version that the operator runs by default; as a Go module, 3.5.0 is called 0.305.0."""

# Without these, the programs call themselves v0.0.0, and clients refuse to talk to them.
_VERSION: Final = "k8s.io/component-base/version"
_KUBERNETES_FLAGS: Final = " ".join(
    (
        "-s -w",
        f"-X {_VERSION}.gitVersion=v{KUBERNETES}",
        f"-X {_VERSION}.gitMajor={KUBERNETES.split('.')[0]}",
        f"-X {_VERSION}.gitMinor={KUBERNETES.split('.')[1]}",
    )
)


@dataclass(frozen=True, slots=True)
class Program:
    """One program: a package of a Go module of ours, or one that `go install` takes as it is."""

    name: str
    package: str
    version: str
    module: str = ""
    """Folder under modules/ that pins everything; empty: `go install package@version`."""
    flags: str = "-s -w"
    changes: Mapping[str, str] = field(default_factory=dict)
    """Files to change before building; the program is then built in a copy of its own module."""

    @property
    def note(self) -> str:
        return f"{self.package}@v{self.version}"


def _kubernetes(name: str) -> Program:
    return Program(name, f"k8s.io/kubernetes/cmd/{name}", KUBERNETES, "kubernetes", _KUBERNETES_FLAGS)


ETCD_SERVER: Final = Program("etcd", "go.etcd.io/etcd/server/v3", ETCD, "kubernetes")
API_SERVER: Final = _kubernetes("kube-apiserver")
KUBECTL: Final = _kubernetes("kubectl")
DNS: Final = Program("coredns", "listings.test/coredns", COREDNS, "coredns")

API: Final = (ETCD_SERVER, API_SERVER, KUBECTL)
"""What tests need that talk to the API alone."""

NODE: Final = (
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubelet"),
    _kubernetes("kube-proxy"),
    DNS,
)
"""What pods need beside the API."""

HELM: Final = (
    Program("helm", "helm.sh/helm/v3/cmd/helm", HELM_3),
    Program("helm4", "helm.sh/helm/v4/cmd/helm", HELM_4),
)

OPERATOR_MODULE: Final = "github.com/prometheus-operator/prometheus-operator"
_PROMETHEUS: Final = "github.com/prometheus/prometheus"
_PROMETHEUS_VERSION: Final = "-s -w -X github.com/prometheus/common/version.Version="


def _prometheus(name: str) -> Program:
    return Program(
        name,
        f"{_PROMETHEUS}/cmd/{name}",
        f"0.{PROMETHEUS.replace('.', '0', 1)}",
        flags=f"{_PROMETHEUS_VERSION}{PROMETHEUS}",
        # Without the SDKs of all clouds but this one's, it builds much faster.
        changes={"plugins/plugins.go": f'package plugins\n\nimport _ "{_PROMETHEUS}/discovery/kubernetes"\n'},
    )


def _operator(name: str, command: str) -> Program:
    flags = f"{_PROMETHEUS_VERSION}{PROMETHEUS_OPERATOR}"
    return Program(name, f"{OPERATOR_MODULE}/cmd/{command}", PROMETHEUS_OPERATOR, "monitoring", flags)


MONITORING: Final = (
    _operator("prometheus-operator", "operator"),
    _operator("prometheus-config-reloader", "prometheus-config-reloader"),
    _prometheus("prometheus"),
    _prometheus("promtool"),
)

GROUPS: Final = {"api": API, "node": NODE, "monitoring": MONITORING, "helm": HELM}


def cache_folder() -> Path:
    """Return where programs and images are kept between runs."""
    return Path(os.environ.get("KUBELAB_CACHE") or Path.home() / ".cache" / "kubelab")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder of built programs."""

    folder: Path

    @classmethod
    def cached(cls) -> Binaries:
        return cls(cache_folder() / "bin")

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def missing(self, programs: Sequence[Program]) -> list[Program]:
        """Return the programs that are not here, or not in the version asked for."""
        return [program for program in programs if not self._is_current(program)]

    def build(self, programs: Sequence[Program]) -> None:
        """Build what is missing, one after the other: each build fills every core by itself."""
        if not self.missing(programs):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self.folder.parent / "build.lock"):
            for program in self.missing(programs):
                started = time.monotonic()
                say(f"building {program.name} {program.version}")
                build(program, self.folder / program.name)
                self._note(program).parent.mkdir(exist_ok=True)
                self._note(program).write_text(program.note)
                say(f"built {program.name} in {time.monotonic() - started:.0f} s")

    def _is_current(self, program: Program) -> bool:
        note = self._note(program)
        return self[program.name].exists() and note.exists() and note.read_text().strip() == program.note

    def _note(self, program: Program) -> Path:
        return self.folder / ".built-from" / program.name


def build(program: Program, target: Path) -> None:
    """Build one program with the Go toolchain."""
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", program.flags]
    if program.module:
        command = ["build", "-mod=readonly", *flags, "-o", str(target), program.package]
        run_go(*command, cwd=_MODULES / program.module)
        return
    if program.changes:
        _build_changed(program, target, flags)
        return
    # `go install` names the program after its package: two versions would take each other's name.
    place = target.parent / f".install-{program.name}"
    run_go("install", *flags, program.note, cwd=Path("/"), environment={"GOBIN": str(place)})
    (place / Path(program.package).name).replace(target)
    shutil.rmtree(place)


def module_folder(module: str, version: str, *, within: str = "") -> Path:
    """Return where Go keeps a downloaded module, of one of ours or by itself."""
    cwd = _MODULES / within if within else Path("/")
    answer = json.loads(run_go("mod", "download", "-json", f"{module}@v{version}", cwd=cwd))
    return Path(answer["Dir"])


def _build_changed(program: Program, target: Path, flags: Sequence[str]) -> None:
    """Build in a writable copy: there the module is the main one, so what its go.mod replaces holds."""
    module, _, command = program.package.partition("/cmd/")
    with TemporaryDirectory(prefix="kubelab-") as folder:
        copy = Path(folder) / "module"
        shutil.copytree(module_folder(module, program.version), copy)
        run("chmod", "-R", "u+w", copy)  # Go's cache is read-only, and so is what is copied from it
        for name, text in program.changes.items():
            (copy / name).write_text(text)
        run_go("build", *flags, "-o", str(target), f"./cmd/{command}", cwd=copy)


def run_go(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run the Go toolchain and return its output; what else it says goes to standard error."""
    go = shutil.which("go")
    if go is None:
        raise ClusterError(
            "the programs of the cluster are built with Go, and no `go` is on PATH: install Go 1.26, "
            "or bring the folder of built programs and name its parent in KUBELAB_CACHE"
        )
    # Static: most of these programs run in images that hold nothing else.
    variables = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", **(environment or {})}
    done = subprocess.run(
        [go, *arguments], cwd=cwd, env=variables, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"go {' '.join(arguments)} ended with {done.returncode}")
    return done.stdout
