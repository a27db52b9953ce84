"""All real parts on free ports in one folder, watched as `make monitoring` watches, for as long as a block lasts.

    async with open_stage(folder) as stage:
        shop = await stage.serve("shop")                   # a service, its own database with the demo catalog
        async with shop.visited(Flow(shoppers(), 60)):     # steady callers
            await stage.until(lambda: stage.query("up"), "something is scraped")

A stage offers: a PostgreSQL primary with a streaming standby, a Redis, the exporters of Debian's packages,
Prometheus with alerts/ as `compressed.py` transforms it (or as it is: `open_stage(folder, shorten=False)`),
Alertmanager with the routes and inhibition of deploy/monitoring, and an inbox that gets every notification.
Each service has a namespace of its own, which is a world of its own to rules and to inhibition; the exporters watch
in the namespace `shop`, through proxies (`stage.networks`) that may be cut. `stage.url` is Prometheus's address.

Substitutes: the node exporter reads a prepared tree (`host.py`), not this machine.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import yaml
from alerts_live import compressed, host
from alerts_live.proxy import Proxy, proxy
from alerts_live.receiver import Inbox, inbox
from alerts_live.traffic import Flow, steady
from bench.machine import Listings
from providers.free_ports import free_port
from providers.postgres import migrate
from providers.tools import tool

from listings.demo.load import load_demo
from listings.embedded import EmbeddedPostgres, EmbeddedRedis
from listings.embedded.binaries import choose_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

ROOT: Final = Path(__file__).parents[2]
FILES: Final = ROOT / "deploy" / "monitoring"
monitoring = tool("monitoring")

# A busy machine answers late; what is waited for usually comes within seconds.
PATIENCE_SECONDS: Final = 150
_JOBS: Final = ("listings", "node", "postgres", "redis", "blackbox", "listings-operator")
# Rounds of the service's own work: the ledger is proved, the queue looked at, every second or two.
_EAGER: Final = {
    "LISTINGS_MAINTENANCE_EXPIRY_INTERVAL_SECONDS": "1",
    "LISTINGS_MAINTENANCE_QUEUE_LOOK_INTERVAL_SECONDS": "1",
    "LISTINGS_MAINTENANCE_LEDGER_CHECK_INTERVAL_SECONDS": "2",
    "LISTINGS_MAINTENANCE_CATALOG_COUNT_INTERVAL_SECONDS": "5",
}


class Service:
    """A running `listings serve` with a database of its own."""

    def __init__(self, name: str, process: Listings, dsn: str) -> None:
        self.name = name
        self.process = process
        self.dsn = dsn

    def visited(self, flow: Flow) -> AbstractAsyncContextManager[Flow]:
        """Send it calls while the block lasts."""
        return steady(self.process.address, self.process.http, flow)

    async def sql(self, *statements: str) -> None:
        """Somebody else at its database."""
        connection = await asyncpg.connect(self.dsn)
        try:
            for each in statements:
                await connection.execute(each)
        finally:
            await connection.close()


class Stage:
    """What `open_stage` has started; see the module."""

    def __init__(self, folder: Path, opened: AsyncExitStack, inbox: Inbox) -> None:
        self.folder = folder
        self.inbox = inbox
        self.services: dict[str, Service] = {}
        self.networks: dict[str, Proxy] = {}
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.url = ""
        self.alertmanager_url = ""
        self.host = host.Host(folder / "host")
        self.primary = EmbeddedPostgres(folder / "postgres", port=0, durable=False)
        self.redis = EmbeddedRedis(folder / "redis", port=free_port())
        self._opened = opened
        self._http = httpx.AsyncClient(timeout=30)
        self._targets: dict[str, dict[str, dict[str, str]]] = {job: {} for job in _JOBS}

    async def serve(self, name: str, *, network: Proxy | None = None, **environment: str) -> Service:
        """Start a service and have it watched in the namespace `name`.

        `network` is its way to the database; `environment` are settings, without their prefix `LISTINGS_`.
        """
        dsn = self.primary.tcp_dsn(name)
        way = dsn.replace(f":{urlsplit(dsn).port}/", f":{network.port}/") if network else dsn
        connection = await asyncpg.connect(self.primary.tcp_dsn("postgres"))
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE listings')
        finally:
            await connection.close()
        own = {f"LISTINGS_{key}": value for key, value in environment.items()}
        log = self.folder / f"{name}.log"
        process = Listings(way, log, {"LISTINGS_REDIS_URL": self.redis.url, **_EAGER, **own})
        self._opened.callback(end, process)
        await asyncio.to_thread(process.wait_ready, seconds=PATIENCE_SECONDS)
        assert "not a known setting" not in log.read_text(), log.read_text()
        self.services[name] = Service(name, process, dsn)
        self.watch("listings", process.http.removeprefix("http://"), namespace=name, service=name)
        return self.services[name]

    def watch(self, job: str, address: str, **labels: str) -> None:
        """Have Prometheus scrape one more target."""
        self._targets[job][address] = labels
        self._write_targets(job)

    def forget(self, job: str, address: str) -> None:
        """Have Prometheus scrape a target no more."""
        del self._targets[job][address]
        self._write_targets(job)

    def _write_targets(self, job: str) -> None:
        file = self.folder / "targets" / f"{job}.json"
        new = file.with_suffix(".new")
        new.write_text(
            json.dumps([{"targets": [at], "labels": labels} for at, labels in self._targets[job].items()])
        )
        new.rename(file)

    async def start(self, program: str, *arguments: str, page: str = "/metrics", **environment: str) -> str:
        """Start one of Debian's programs on a free port, ready when this returns; returns host:port."""
        port = free_port()
        described = monitoring.Program(
            program,
            program,
            (f"--web.listen-address=127.0.0.1:{port}", *arguments),
            port,
            page,
            tuple(environment.items()),
        )
        if shutil.which(program) is None:
            raise monitoring.CannotRun(f"Not installed: {program}. On Debian: apt-get install {program}")
        process = self._opened.enter_context(monitoring.begun(described, self.folder))
        await asyncio.to_thread(monitoring.wait_until_ready, described, process, self.folder)
        self.programs[program] = process
        return f"127.0.0.1:{port}"

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of a PromQL expression now."""
        answer = await self._http.get(f"{self.url}/api/v1/query", params={"query": expression})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return found

    async def firing(self, namespace: str) -> set[str]:
        """The alerts that fire in a namespace, as Prometheus says."""
        answer = await self._http.get(f"{self.url}/api/v1/alerts")
        return {
            each["labels"]["alertname"]
            for each in answer.raise_for_status().json()["data"]["alerts"]
            if each["state"] == "firing" and each["labels"].get("namespace", "") == namespace
        }

    async def hidden(self, namespace: str) -> dict[str, set[str]]:
        """The alerts that Alertmanager keeps back in a namespace, each with the names of those because of which."""
        answer = await self._http.get(f"{self.alertmanager_url}/api/v2/alerts")
        alerts = answer.raise_for_status().json()
        names = {each["fingerprint"]: each["labels"]["alertname"] for each in alerts}
        found: dict[str, set[str]] = {}
        for each in alerts:
            if each["status"]["inhibitedBy"] and each["labels"].get("namespace", "") == namespace:
                because = {names[source] for source in each["status"]["inhibitedBy"] if source in names}
                found.setdefault(each["labels"]["alertname"], set()).update(because)
        return found

    async def until_firing(self, namespace: str, name: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for an alert."""

        async def fires() -> bool:
            return name in await self.firing(namespace)

        await self.until(fires, f"{name} fires in {namespace!r}", seconds=seconds)

    async def until_silent(self, namespace: str, *names: str) -> None:
        """Wait until none of these fires."""

        async def none_fires() -> bool:
            return not await self.firing(namespace) & set(names)

        await self.until(none_fires, f"{', '.join(names)} clear in {namespace!r}")

    @staticmethod
    async def until(condition: Callable[[], Any], what: str, *, seconds: float = PATIENCE_SECONDS) -> Any:
        """Ask until the answer is true; it may be awaitable."""
        end = time.monotonic() + seconds
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            assert time.monotonic() < end, f"not so within {seconds} s: {what}"
            await asyncio.sleep(0.25)

    async def close(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def open_stage(folder: Path, *, shorten: bool = True) -> AsyncIterator[Stage]:
    """Everything but services, started and ready; stopped at the end, newest first."""
    async with AsyncExitStack() as opened:
        stage = Stage(folder, opened, opened.enter_context(inbox()))
        opened.push_async_callback(stage.close)
        (folder / "targets").mkdir()
        for job in _JOBS:
            stage._write_targets(job)
        await asyncio.to_thread(stage.primary.start)
        opened.callback(stage.primary.stop)
        await asyncio.to_thread(stage.redis.start)
        opened.callback(stage.redis.stop)
        await _fill(stage.primary.dsn())
        opened.callback(await asyncio.to_thread(_standby, stage.primary, folder / "standby"))
        await opened.enter_async_context(stage.host.living())
        await _export(stage, opened)
        await _watch(stage, shorten=shorten)
        yield stage


async def _fill(dsn: str) -> None:
    """The demo catalog in a migrated database that services get copies of; all of it belongs to user 7."""
    await migrate(dsn)
    assert await load_demo(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("UPDATE listings SET user_id = 7")
        # As a search index leaves the queue that has caught up.
        await connection.execute("UPDATE indexing_queue SET status = 'completed'")
    finally:
        await connection.close()


def _standby(primary: EmbeddedPostgres, folder: Path) -> Callable[[], None]:
    """A streaming standby of the primary, called `standby`; returns what stops it."""
    programs = choose_postgres().folder
    account = primary._account
    identity = account.identity() if account else {}
    folder.mkdir(mode=0o711)
    if account:
        account.own(folder)
    place = urlsplit(primary.dsn("postgres")).query  # host=...&port=...
    target = " ".join(f"{part}" for part in place.replace("%2F", "/").split("&"))
    subprocess.run(
        [
            programs / "pg_basebackup",
            f"--dbname={target} user=listings application_name=standby",
            f"--pgdata={folder / 'data'}",
            "--write-recovery-conf",
            "--wal-method=stream",
            "--checkpoint=fast",
        ],
        check=True,
        capture_output=True,
        cwd="/",
        **identity,
    )
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [
            programs / "postgres",
            "-D",
            folder / "data",
            "-c",
            f"unix_socket_directories={folder}",
            "-c",
            "listen_addresses=",
            "-c",
            "port=5432",  # names the socket
            "-c",
            "wal_receiver_status_interval=1s",
        ],
        stdout=log,
        stderr=log,
        cwd=folder / "data",
        **identity,
    )

    def stop() -> None:
        process.terminate()
        process.wait(30)
        log.close()

    return stop


async def _export(stage: Stage, opened: AsyncExitStack) -> None:
    """The exporters, each behind a network of its own to what it watches."""
    dsn = stage.primary.tcp_dsn("postgres")  # a database that is copied must have no visitors
    port = urlsplit(dsn).port
    assert port
    stage.networks["postgres"] = await opened.enter_async_context(proxy(port))
    stage.networks["redis"] = await opened.enter_async_context(proxy(urlsplit(stage.redis.url).port or 0))
    through = dsn.replace(f":{port}/", f":{stage.networks['postgres'].port}/")
    queries = f"--extend.query-path={FILES / 'postgres-queries.yaml'}"
    addresses = await asyncio.gather(
        stage.start(
            "prometheus-postgres-exporter", queries, DATA_SOURCE_NAME=monitoring.exporter_dsn(through)
        ),
        stage.start(
            "prometheus-redis-exporter", REDIS_ADDR=f"redis://127.0.0.1:{stage.networks['redis'].port}"
        ),
        stage.start("prometheus-node-exporter", *stage.host.arguments()),
    )
    for job, address in zip(("postgres", "redis", "node"), addresses, strict=True):
        stage.watch(job, address, namespace="shop")


async def _watch(stage: Stage, *, shorten: bool) -> None:
    """Blackbox exporter, Alertmanager and Prometheus."""
    blackbox = await stage.start("prometheus-blackbox-exporter", f"--config.file={FILES / 'blackbox.yml'}")
    source = FILES / "alertmanager" / "development.yml"
    notify = compressed.alertmanager(source, stage.inbox.url)
    (stage.folder / "alertmanager.yml").write_text(yaml.safe_dump(notify))
    alertmanager = await stage.start(
        "prometheus-alertmanager",
        f"--config.file={stage.folder / 'alertmanager.yml'}",
        f"--storage.path={stage.folder / 'alertmanager'}",
        "--cluster.listen-address=",
        page="/-/ready",
    )
    stage.alertmanager_url = f"http://{alertmanager}"
    folder = ROOT / "alerts"
    if shorten:
        folder = stage.folder / "alerts"
        folder.mkdir()
        for file in sorted((ROOT / "alerts").glob("*.yaml")):
            (folder / file.name).write_text(yaml.safe_dump(compressed.rules(file), sort_keys=False))
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    if shorten:
        every = f"{compressed.SCRAPE_SECONDS}s"
        config["global"] |= {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
    config["rule_files"] = [f"{folder}/*.yaml"]
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alertmanager]}]
    jobs = {each["job_name"]: each for each in config["scrape_configs"]} | {
        "listings-operator": {"job_name": "listings-operator"}
    }
    jobs["blackbox"]["relabel_configs"][-1]["replacement"] = blackbox
    del jobs["prometheus"]
    for name, job in jobs.items():
        job.pop("static_configs", None)
        # A changed file is noticed at once, and looked for again in case the notice was lost.
        job["file_sd_configs"] = [
            {"files": [f"{stage.folder}/targets/{name}.json"], "refresh_interval": "5s"}
        ]
    config["scrape_configs"] = list(jobs.values())
    (stage.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    prometheus = await stage.start(
        "prometheus",
        f"--config.file={stage.folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={stage.folder / 'prometheus'}",
        # An alert that goes on is told again before Alertmanager takes it for over.
        "--rules.alert.resend-delay=5s",
        page="/-/ready",
    )
    stage.url = f"http://{prometheus}"


def end(process: Listings) -> None:
    """Stop a service, whatever state a fault left it in."""
    if process.process.poll() is None:
        process.kill()


async def main() -> None:
    """A stage with one visited shop until Ctrl-C, for looking at it by hand: `python -m alerts_live.stage FOLDER`."""
    from alerts_live.traffic import shoppers

    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(mode=0o711)
    async with open_stage(folder) as stage:
        shop = await stage.serve("shop")
        async with shop.visited(Flow(shoppers(), 60)):
            print(f"Prometheus {stage.url}, Alertmanager {stage.alertmanager_url}", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
