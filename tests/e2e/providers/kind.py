"""The provider `kind`: a cluster in Docker containers, for a machine with Docker and a network.

pytest-kind makes and deletes it. Of that package only the class is used: its fixture and its
options would stand in every test run, and its downloads name one old version.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from e2e.cluster.kubectl import Kubectl
from e2e.cluster.processes import run
from e2e.images.engine import running_engine
from e2e.providers.clusters import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

CLUSTER: Final = "listings-e2e"


@dataclass(frozen=True, slots=True)
class Kind:
    """Uses `kind` and `kubectl` on PATH; LISTINGS_E2E_KIND_IMAGE chooses the node's Kubernetes."""

    name: str = "kind"

    def obstacle(self) -> str:
        missing = [program for program in ("kind", "kubectl") if not shutil.which(program)]
        if missing:
            return f"{' and '.join(missing)} not on PATH"
        if running_engine() is None:
            return "no Docker engine answers"
        return ""

    @contextmanager
    def open(self) -> Iterator[Cluster]:
        from pytest_kind import KindCluster

        program, kubectl = Path(_found("kind")), Path(_found("kubectl"))
        with TemporaryDirectory(prefix="listings-kind-") as folder:
            kubeconfig = Path(folder) / "kubeconfig"
            cluster = KindCluster(
                CLUSTER,
                kubeconfig=kubeconfig,
                image=os.environ.get("LISTINGS_E2E_KIND_IMAGE"),
                kind_path=program,
                kubectl_path=kubectl,
            )
            try:
                cluster.create()
                yield Cluster(self.name, Kubectl(kubectl, kubeconfig), partial(_load, program), pulls=True)
            finally:
                if os.environ.get("LISTINGS_E2E_KEEP") != "1":
                    cluster.delete()


def _load(program: Path, archive: Path) -> None:
    run(program, "load", "image-archive", archive, "--name", CLUSTER)


def _found(program: str) -> str:
    path = shutil.which(program)
    assert path is not None, "obstacle() was asked first"
    return path
