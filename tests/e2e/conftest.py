"""Fixtures of the e2e tests.

cluster     a cluster that is up, whoever provides it: .kubectl, .kubeconfig, .load, .reach
namespace   a namespace of the test's own, deleted after it
images      references of what tests run, found by the cluster's pods: .service, .operator, .postgres, .redis
monitoring  the real Prometheus Operator with one Prometheus, which takes every monitor and rule it finds
api         the API server with watches
release     the operator, installed by its Helm chart, watching the namespaces of `WATCHED`
story       makes a shop in one of them: story("upgrade"); PostgreSQL and Redis run there, the resource is not applied yet
figures     tables to fill; they are printed when all tests have ended
"""

from __future__ import annotations

import os
import secrets
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from e2e.cluster.archives import write_archive
from e2e.cluster.binaries import Binaries
from e2e.figures import Figures
from e2e.images import applications, servers, variants
from e2e.images.engine import open_engine
from e2e.monitoring import Monitoring
from e2e.monitoring import images as images_of_monitoring
from e2e.providers.choice import choose
from e2e.story.api import open_api
from e2e.story.release import Release
from e2e.story.shop import Shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from e2e.providers.clusters import Cluster
    from e2e.story.api import Api

# Each story has a namespace of its own; the operator gets rights in these only.
WATCHED = ("install", "upgrade", "failures", "drift", "monitored")
_FIGURES = pytest.StashKey[Figures]()


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
    """Build service and operator with the repository's Dockerfile, and bring them, with what stories upgrade to."""
    if (
        os.environ.get("LISTINGS_E2E_IMAGES") == "kept"
    ):  # by a cluster that LISTINGS_E2E_KEEP=1 has left running
        return server_images
    built = (applications.SERVICE, applications.OPERATOR)
    references = [each.reference for each in (*built, *variants.ALL)]
    with _archive() as target, open_engine() as engine:
        for application in built:
            applications.build(engine, application)
        for variant in variants.ALL:
            variants.build(engine, variant)
        cluster.load(applications.save(engine, references, target))
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


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    async with open_api(cluster.kubectl) as api:
        yield api


@pytest.fixture(scope="session")
def release(cluster: Cluster, images: Images) -> Iterator[Release]:
    for name in WATCHED:
        cluster.kubectl("create", "namespace", name)
        # What is made there must be fit for it.
        cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    release = Release(cluster.kubectl)
    release.install(WATCHED)
    yield release
    # First: its rights in the namespaces go with them, and it asks there whether it may leave.
    release.remove()
    for name in WATCHED:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def story(cluster: Cluster, api: Api, release: Release) -> Callable[..., AbstractAsyncContextManager[Shop]]:
    @asynccontextmanager
    async def opened(namespace: str, **changes: Any) -> AsyncIterator[Shop]:
        shop = Shop(cluster, api, namespace, changes=changes)
        shop.open()
        try:
            yield shop
        except BaseException:
            print(release.log)
            raise
        finally:
            shop.leave()

    return opened


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    return request.config.stash.setdefault(_FIGURES, Figures())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for table in config.stash.get(_FIGURES, Figures()).tables:
        terminalreporter.write_line("")
        for line in table.lines():
            terminalreporter.write_line(line)


@contextmanager
def _archive() -> Iterator[Path]:
    with TemporaryDirectory(prefix="listings-image-") as folder:
        yield Path(folder) / "image.tar"
