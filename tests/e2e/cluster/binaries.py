"""The programs a cluster is made of, built once from pinned Go modules and kept in a cache folder.

Nothing is downloaded but Go modules. Beside each program lies a note of what it was built from; a
program without its note, or with another one, is built again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from e2e.cluster.processes import ClusterError, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MODULES: Final = Path(__file__).parent / "modules"

KUBERNETES: Final = "1.34.4"
ETCD: Final = "3.6.4"
COREDNS: Final = "1.15.0"
HELM_3: Final = "3.22.0"
HELM_4: Final = "4.3.1"

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

GROUPS: Final = {"api": API, "node": NODE, "helm": HELM}


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
        with _alone(self.folder.parent / "build.lock"):
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
    # `go install` names the program after its package: two versions would take each other's name.
    place = target.parent / f".install-{program.name}"
    run_go("install", *flags, program.note, cwd=Path("/"), environment={"GOBIN": str(place)})
    (place / Path(program.package).name).replace(target)
    shutil.rmtree(place)


def run_go(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> None:
    """Run the Go toolchain; what it says goes to standard error."""
    go = shutil.which("go")
    if go is None:
        raise ClusterError(
            "the programs of the cluster are built with Go, and no `go` is on PATH: install Go 1.26, "
            "or bring the folder of built programs and name its parent in KUBELAB_CACHE"
        )
    # Static: most of these programs run in images that hold nothing else.
    variables = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", **(environment or {})}
    done = subprocess.run([go, *arguments], cwd=cwd, env=variables, stdout=sys.stderr, check=False)
    if done.returncode:
        raise ClusterError(f"go {' '.join(arguments)} ended with {done.returncode}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
