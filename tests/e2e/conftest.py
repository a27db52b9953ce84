"""Fixtures of the e2e tests.

cluster     a cluster that is up, whoever provides it: .kubectl, .kubeconfig, .load, .reach
namespace   a namespace of the test's own, deleted after it
images      references of what tests run, found by the cluster's pods: .service, .operator, .postgres, .redis
    monitoring  the real Prometheus Operator with one Prometheus, which takes every monitor and rule it finds
"""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from e2e.cluster.archives import write_archive
from e2e.cluster.binaries import Binaries
from e2e.images import applications, servers
from e2e.images.engine import open_engine
from e2e.monitoring import Monitoring
from e2e.monitoring import images as images_of_monitoring
from e2e.providers.choice import choose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.providers.clusters import Cluster


@dataclass(frozen=True)
class Images:
    service: str = applications.SERVICE.reference
    operator: str = applications.OPERATOR.reference
    postgres: str = servers.POSTGRES
    redis: str = servers.REDIS


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    choice = choose(os.environ.get("LISTINGS_E2E_PROVIDER", ""))
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{choice}", flush=True)
    with choice.provider.open() as cluster:
        yield cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"e2e-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def server_images(cluster: Cluster) -> Images:
    """Bring PostgreSQL and Redis to a cluster that cannot pull them."""
    if not cluster.pulls:
        with _archive() as target:
            for image in (servers.postgres(), servers.redis()):
                cluster.load(write_archive(image, target))
    return Images()


@pytest.fixture(scope="session")
def images(cluster: Cluster, server_images: Images) -> Images:
    """Build service and operator with the repository's Dockerfile, and bring them too."""
    with _archive() as target, open_engine() as engine:
        for application in (applications.SERVICE, applications.OPERATOR):
            cluster.load(applications.build(engine, application, target))
    return server_images


@pytest.fixture(scope="session")
def monitoring(cluster: Cluster) -> Iterator[Monitoring]:
    if not cluster.pulls:
        with _archive() as target:
            for image in images_of_monitoring(Binaries.cached()):
                cluster.load(write_archive(image, target))
    monitoring = Monitoring(cluster)
    monitoring.install()
    yield monitoring
    monitoring.remove()


@contextmanager
def _archive() -> Iterator[Path]:
    with TemporaryDirectory(prefix="listings-image-") as folder:
        yield Path(folder) / "image.tar"
