"""A Docker engine for building images: the machine's own, or one that we start for as long as the build takes.

Ours has no bridge and no packet filter of its own, so it cannot disturb a cluster on the machine.
It keeps its layers in the cache folder: a second build costs what has changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from e2e.cluster.binaries import cache_folder
from e2e.cluster.host import unmount_below
from e2e.cluster.processes import ClusterError, Processes, environment_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEBIAN_PACKAGE: Final = "docker.io"

# Debian's client fits Debian's engine; a newer one, first on many a PATH, needs plugins to build.
_DEBIAN_CLIENT: Final = Path("/usr/bin/docker")


@dataclass(frozen=True, slots=True)
class Engine:
    """How to reach an engine."""

    client: str
    environment: Mapping[str, str] = field(default_factory=dict)
    has_registry: bool = True
    """Whether it can pull: one that we start cannot be counted on to."""

    def run(self, *arguments: str | Path) -> None:
        """Run the client; what it says goes to standard error."""
        command = [self.client, *map(str, arguments)]
        variables = {**os.environ, **self.environment}
        done = subprocess.run(command, env=variables, stdout=sys.stderr, check=False)
        if done.returncode:
            raise ClusterError(f"docker {arguments[0]} ended with {done.returncode}")

    def answers(self, *arguments: str) -> bool:
        """Tell whether a command succeeds, in silence."""
        variables = {**os.environ, **self.environment}
        done = subprocess.run([self.client, *arguments], env=variables, capture_output=True, check=False)
        return done.returncode == 0


def running_engine() -> Engine | None:
    """Return the machine's own engine, when it answers."""
    client = shutil.which("docker")
    engine = Engine(client) if client else None
    return engine if engine and engine.answers("version") else None


@contextmanager
def open_engine() -> Iterator[Engine]:
    """Give the machine's engine, or one of our own until the block ends."""
    engine = running_engine()
    if engine:
        yield engine
        return
    daemon = shutil.which("dockerd", path=environment_path())
    if os.geteuid() or not daemon or not _DEBIAN_CLIENT.exists():
        raise ClusterError(
            "images are built with Docker: start it, or be root and apt-get install --no-install-recommends "
            + DEBIAN_PACKAGE
        )
    with TemporaryDirectory(prefix="kubelab-docker-", ignore_cleanup_errors=True) as folder:
        address = f"unix://{folder}/docker.sock"
        ours = Engine(
            str(_DEBIAN_CLIENT), {"DOCKER_HOST": address, "DOCKER_BUILDKIT": "0"}, has_registry=False
        )
        processes = Processes(Path(folder))
        processes.start(
            "dockerd",
            daemon,
            f"--host={address}",
            f"--data-root={cache_folder() / 'docker'}",
            f"--exec-root={folder}/exec",
            f"--pidfile={folder}/docker.pid",
            "--bridge=none",
            "--iptables=false",
            "--ip-masq=false",
        )
        try:
            processes.wait("Docker answers", lambda: ours.answers("version"), needs="dockerd")
            yield ours
        finally:
            processes.stop("dockerd")
            unmount_below(Path(folder))  # it leaves the network namespace that builds shared
