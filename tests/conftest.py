"""Fixtures for every test: databases and Redis, each as isolated as a test needs and no more.

    dsn             a migrated database of the test's own, dropped after it: for tests that write
    module_dsn      the same for one file: seed once, then read
    shared_dsn      a migrated, empty, read-only database of the worker: free of charge
    empty_dsn       a database without any table: for migrations
    new_database    makes further ones: new_database(), new_database(migrated=False)
    postgres        the server itself
    redis_url       a real Redis, empty at the start of the test
    postgres_process, redis_process
                    start servers of the test's own, which it may crash
    api_server      a Kubernetes API without nodes: .kubeconfig, .url, .kubectl; see e2e/cluster/api_server.py
    api_namespace   a new namespace there

Servers start with the first test that asks: unit tests never pay for them.
"""

from __future__ import annotations

import gc
import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
import redis
import structlog
import uvloop
from hypothesis import HealthCheck, settings
from providers import postgres as provider
from providers.free_ports import free_port

from listings.embedded import EmbeddedPostgres, EmbeddedRedis

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Iterator, Mapping

    from e2e.cluster.api_server import ApiServer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where LISTINGS_REQUIRE_CLUSTER is set, as in CI, a test that cannot run has failed."""
    report = yield
    if report.skipped and os.environ.get("LISTINGS_REQUIRE_CLUSTER"):
        report.outcome = "failed"
        report.longrepr = f"may not be skipped here: {call.excinfo.value if call.excinfo else ''}"
    return report


# Read when gRPC starts. A process that has a gRPC server or client and forks to start a program as another user, as root
# starts PostgreSQL here, has children that crash now and then in gRPC's own handlers, before they become that program.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

# What is imported and collected stays to the end: thousands of tests, looked at again and again otherwise.
gc.disable()


def pytest_collection_finish() -> None:
    """Let the garbage collector work from here on, on what the tests make, and as seldom as in the service."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


# structlog's own default draws the variables of every frame, which takes seconds for each failure that a test provokes.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


# Properties that name no number of examples of their own: a look at each on every run, the same at each, so that
# what fails is what was changed; a search when proving.
# How long an example takes is the machine's business, and this one may have other work.
_ANY_MACHINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=30, derandomize=True, **_ANY_MACHINE)
settings.register_profile("prove", max_examples=1000, **_ANY_MACHINE)
settings.load_profile("prove" if os.environ.get("LISTINGS_PROVE") == "1" else "quick")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the event loop that the service runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def postgres() -> Iterator[provider.PostgresServer]:
    with provider.run_server() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: provider.PostgresServer) -> Iterator[provider.Databases]:
    with provider.Databases(postgres) as databases:
        yield databases


@pytest.fixture(scope="session")
def template(databases: provider.Databases) -> str:
    return databases.template()


@pytest.fixture
def dsn(postgres: provider.PostgresServer, databases: provider.Databases, template: str) -> Iterator[str]:
    name = databases.create(template)
    yield postgres.dsn(name)
    databases.drop(name)


@pytest.fixture(scope="module")
def module_dsn(
    postgres: provider.PostgresServer, databases: provider.Databases, template: str
) -> Iterator[str]:
    name = databases.create(template)
    yield postgres.dsn(name)
    databases.drop(name)


@pytest.fixture(scope="session")
def shared_dsn(
    postgres: provider.PostgresServer, databases: provider.Databases, template: str
) -> Iterator[str]:
    name = databases.create(template)
    databases.make_read_only(name)  # who writes here by mistake is told, not the test after it
    yield postgres.dsn(name)
    databases.drop(name)


@pytest.fixture
def empty_dsn(postgres: provider.PostgresServer, databases: provider.Databases) -> Iterator[str]:
    name = databases.create()
    yield postgres.dsn(name)
    databases.drop(name)


@pytest.fixture
def new_database(
    postgres: provider.PostgresServer, databases: provider.Databases, request: pytest.FixtureRequest
) -> Callable[..., str]:
    def create(*, migrated: bool = True) -> str:
        name = databases.create(request.getfixturevalue("template")) if migrated else databases.create()
        request.addfinalizer(lambda: databases.drop(name))
        return postgres.dsn(name)

    return create


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder for a server: its path leaves room for a socket, and an unprivileged user may enter it."""
    with TemporaryDirectory(prefix="lst-", dir=provider.fast_place(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def postgres_process(short_folder: Path) -> Iterator[Callable[..., EmbeddedPostgres]]:
    """Start PostgreSQL servers of the test's own: postgres_process(durable=True, options={...}).

    `crash("kill" | "immediate" | "fast")` ends one at once, `start()` brings it back at the same address.
    """
    with ExitStack() as stack:
        folders = iter(short_folder / f"pg{number}" for number in range(100))

        def start(**arguments: Any) -> EmbeddedPostgres:
            # It keeps its port over a crash, where it may not be given to anybody else.
            defaults = {"port": free_port(), "durable": False, "binaries": provider.wanted_binaries()}
            server = EmbeddedPostgres(next(folders), **{**defaults, **arguments})
            stack.callback(server.stop)
            server.start()
            return server

        yield start


@pytest.fixture
def redis_process(short_folder: Path) -> Iterator[Callable[..., EmbeddedRedis]]:
    """Start Redis servers of the test's own, to be crashed and started again at the same address; `port` opens TCP."""
    with ExitStack() as stack:
        folders = iter(short_folder / f"redis{number}" for number in range(100))

        def start(port: int = 0) -> EmbeddedRedis:
            server = EmbeddedRedis(next(folders), port=port)
            stack.callback(server.stop)
            server.start()
            return server

        yield start


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """Run one Redis per worker: channels have no databases, so workers must not share a server."""
    with TemporaryDirectory(prefix="lst-redis-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedRedis(Path(folder) / "redis")
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    url = redis_server.start()  # does nothing, unless an earlier test ended it
    with redis.Redis.from_url(url) as client:
        client.flushall()
        client.script_flush()
    return url


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    """Run etcd and kube-apiserver, up in seconds. Mark its tests `xdist_group("api_server")`: one serves all."""
    from e2e.cluster.api_server import run_api_server  # late: other tests do not depend on it
    from e2e.cluster.binaries import API, Binaries

    binaries = Binaries.cached()
    missing = [program.name for program in binaries.missing(API)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not built yet; `make e2e-binaries` builds them once, with Go")
    with (
        TemporaryDirectory(prefix="lst-api-", ignore_cleanup_errors=True) as folder,
        run_api_server(Path(folder), binaries) as server,
    ):
        yield server


@pytest.fixture
def api_namespace(api_server: ApiServer) -> str:
    """Make a namespace of the test's own. It stays: nothing empties namespaces where only the API runs."""
    name = f"test-{secrets.token_hex(4)}"
    api_server.kubectl("create", "namespace", name)
    return name
