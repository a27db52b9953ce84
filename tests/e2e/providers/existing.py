"""The provider `existing`: any cluster that a kubeconfig leads to."""

from __future__ import annotations

import os
import shlex
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.cluster.kubectl import Kubectl
from e2e.cluster.processes import ClusterError, run
from e2e.providers.clusters import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Existing:
    """Uses the cluster of KUBECONFIG, and only when LISTINGS_E2E_PROVIDER=existing asks for it.

    Tests make and delete namespaces, roles and custom resource definitions: nobody should meet that
    because a shell still pointed at a cluster that matters.
    """

    name: str = "existing"

    def obstacle(self) -> str:
        if os.environ.get("LISTINGS_E2E_PROVIDER") != self.name:
            return "only used when LISTINGS_E2E_PROVIDER=existing asks for it"
        if not Path(os.environ.get("KUBECONFIG", "")).is_file():
            return "KUBECONFIG names no file"
        if not shutil.which("kubectl"):
            return "kubectl not on PATH"
        return ""

    @contextmanager
    def open(self) -> Iterator[Cluster]:
        kubectl = Kubectl(Path(shutil.which("kubectl") or "kubectl"), Path(os.environ["KUBECONFIG"]))
        kubectl("version", "--request-timeout=10s")  # a cluster that does not answer is told now
        yield Cluster(self.name, kubectl, _load, pulls=True)


def _load(archive: Path) -> None:
    command = shlex.split(os.environ.get("LISTINGS_E2E_LOAD", ""))
    if not command:
        raise ClusterError(
            "how images come into an existing cluster is not for tests to guess: name a command in "
            "LISTINGS_E2E_LOAD that takes an archive, such as `minikube image load`"
        )
    run(*command, archive)
