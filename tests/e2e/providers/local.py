"""The provider `local`: a real single-node cluster of this machine's processes."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from e2e.cluster.binaries import API, NODE
from e2e.cluster.host import what_is_missing
from e2e.cluster.local import LocalCluster
from e2e.providers.clusters import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Local:
    """Starts the cluster, or uses it as it runs; LISTINGS_E2E_KEEP=1 leaves it running."""

    name: str = "local"

    def obstacle(self) -> str:
        cluster = LocalCluster.from_environment()
        lacks = what_is_missing()
        if cluster.binaries.missing([*API, *NODE]) and not shutil.which("go"):
            lacks.append("its programs are not built yet, and Go is not on PATH")
        return "; ".join(lacks)

    @contextmanager
    def open(self) -> Iterator[Cluster]:
        cluster = LocalCluster.from_environment()
        keep = cluster.is_running() or os.environ.get("LISTINGS_E2E_KEEP") == "1"
        try:
            cluster.up()
            yield Cluster(
                self.name, cluster.kubectl, cluster.containers.load, pulls=False, reaches_services=True
            )
        finally:
            if not keep:
                cluster.down()
