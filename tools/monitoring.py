"""Monitoring on one machine, for `make monitoring`: Prometheus, Alertmanager and exporters around `make run`.

    python tools/monitoring.py [--alertmanager-config FILE] [--data-folder .data]

Runs the programs of Debian's packages with the files of deploy/monitoring until Ctrl-C, everything on 127.0.0.1. They
watch the database and the Redis that the service would take: LISTINGS_DATABASE_URL, else the private PostgreSQL of
`make run`; LISTINGS_REDIS_URL, else no Redis. Data and logs are kept in <data folder>/monitoring.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from listings.doctor import ports
from listings.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
FILES: Final = ROOT / "deploy" / "monitoring"
READY_SECONDS: Final = 60
STOP_SECONDS: Final = 15


class CannotRun(Exception):
    """What is missing or in the way, with the remedy."""


@dataclass(frozen=True)
class Ports:
    """Where everybody listens; those of deploy/monitoring/prometheus.yml unless a test chose others."""

    listings: int = 8086
    prometheus: int = 9090
    alertmanager: int = 9093
    node: int = 9100
    blackbox: int = 9115
    redis: int = 9121
    postgres: int = 9187


@dataclass(frozen=True)
class Program:
    """One process: what it is called, how it starts, and the page that answers when it is ready."""

    name: str
    package: str
    arguments: tuple[str, ...]
    port: int
    page: str = "/metrics"
    environment: tuple[tuple[str, str], ...] = ()


def programs(
    where: Ports, folder: Path, database: str, redis: str | None, alertmanager_config: Path
) -> list[Program]:
    """All of them; no exporter for a Redis that is not there."""

    def exporter(name: str, port: int, *arguments: str, **environment: str) -> Program:
        package = f"prometheus-{name}-exporter"
        listen = f"--web.listen-address=127.0.0.1:{port}"
        return Program(package, package, (listen, *arguments), port, environment=tuple(environment.items()))

    queries = f"--extend.query-path={FILES / 'postgres-queries.yaml'}"
    return [
        exporter("node", where.node),
        exporter("blackbox", where.blackbox, f"--config.file={FILES / 'blackbox.yml'}"),
        exporter("postgres", where.postgres, queries, DATA_SOURCE_NAME=database),
        *([exporter("redis", where.redis, REDIS_ADDR=redis)] if redis else []),
        Program(
            "prometheus-alertmanager",
            "prometheus-alertmanager",
            (
                f"--config.file={alertmanager_config}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{where.alertmanager}",
                "--cluster.listen-address=",  # alone
                "--log.level=debug",  # says which alerts came and what became of them
            ),
            where.alertmanager,
            "/-/ready",
        ),
        Program(
            "prometheus",
            "prometheus",
            (
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                "--storage.tsdb.retention.time=15d",
                "--storage.tsdb.retention.size=100GB",
                "--enable-feature=exemplar-storage",
                f"--web.listen-address=127.0.0.1:{where.prometheus}",
                "--web.enable-lifecycle",  # POST /-/reload after a rule was edited
            ),
            where.prometheus,
            "/-/ready",
        ),
    ]


def configuration(where: Ports, *, redis: bool) -> dict[str, Any]:
    """deploy/monitoring/prometheus.yml with these ports, the rules' full path, and Redis only where there is one."""
    text = (FILES / "prometheus.yml").read_text()
    for name, port in asdict(where).items():
        text = text.replace(f"localhost:{getattr(Ports, name)}", f"localhost:{port}")
    config: dict[str, Any] = yaml.safe_load(text)
    config["rule_files"] = [str(ROOT / "alerts" / "*.yaml")]
    config["scrape_configs"] = [
        each for each in config["scrape_configs"] if redis or each["job_name"] != "redis"
    ]
    return config


def exporter_dsn(dsn: str) -> str:
    """The address as the exporter's driver reads it: TLS is the default there, also where the server has none."""
    if "sslmode=" in dsn:
        return dsn
    return f"{dsn}{'&' if '?' in dsn else '?'}sslmode=disable"


@contextmanager
def running(
    where: Ports, folder: Path, database: str, redis: str | None, alertmanager_config: Path
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Everything, started and ready; stopped at the end, newest first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(where, redis=redis is not None)))
    wanted = programs(where, folder, exporter_dsn(database), redis, alertmanager_config)
    missing = [each.package for each in wanted if shutil.which(each.name) is None]
    if missing:
        raise CannotRun(
            f"Not installed: {', '.join(missing)}. On Debian: apt-get install {' '.join(missing)}"
        )
    for each in wanted:
        if ports.why_not("127.0.0.1", each.port):
            raise CannotRun(
                f"Port {each.port} of {each.name} is taken by {ports.holder_of(each.port)}."
                f" Another `make monitoring` is ended with Ctrl-C there; Debian starts what it installs:"
                f" systemctl disable --now {each.package}"
            )
    with ExitStack() as stack:
        started = {each.name: stack.enter_context(begun(each, folder)) for each in wanted}
        for each in wanted:
            wait_until_ready(each, started[each.name], folder)
        yield started


@contextmanager
def begun(program: Program, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of them, its log in the folder; stopped at the end. `wait_until_ready` says when it answers."""
    command = [program.name, *program.arguments]
    # A group of its own: Ctrl-C is for us, who stop the others in order.
    with (
        (folder / f"{program.name}.log").open("wb") as log,
        subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **dict(program.environment)},
            process_group=0,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(program: Program, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until its page answers; raises CannotRun with its last words where it died or took too long."""
    end = time.monotonic() + READY_SECONDS
    while not answers(f"http://127.0.0.1:{program.port}{program.page}"):
        if process.poll() is not None or time.monotonic() > end:
            raise CannotRun(f"{program.name} did not start: {last_words(program.name, folder)}")
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether a page is there."""
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - a local address
            return True
    except OSError:
        return False


def last_words(name: str, folder: Path) -> str:
    """The errors in a program's log, or else its end."""
    log = folder / f"{name}.log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    words = [line for line in lines if "level=error" in line][-2:] or lines[-2:]
    return f"{' / '.join(words) or 'it said nothing'} (all of it: {log})"


def show(where: Ports, folder: Path, redis: str | None) -> None:
    """What to open."""
    watched = (
        "the service, PostgreSQL, Redis"
        if redis
        else "the service, PostgreSQL (LISTINGS_REDIS_URL: Redis too)"
    )
    print(f"Watching {watched}, this machine. Data and logs: {folder}")
    print(f"  alerts      http://localhost:{where.alertmanager}")
    print(f"  rules       http://localhost:{where.prometheus}/alerts")
    print(f"  targets     http://localhost:{where.prometheus}/targets")
    print("Ctrl-C stops it. docs/operations/monitoring.md says what to try.", flush=True)


def main() -> int:
    """Run until a signal, or until one of them dies."""
    parser = argparse.ArgumentParser(description="Prometheus, Alertmanager and exporters around `make run`.")
    parser.add_argument(
        "--alertmanager-config",
        type=Path,
        default=FILES / "alertmanager" / "development.yml",
        help="who is told; default: nobody, it is only logged",
    )
    parser.add_argument(
        "--data-folder", type=Path, default=Path(os.environ.get("LISTINGS_DATA_FOLDER", ".data"))
    )
    given = parser.parse_args()
    folder = given.data_folder.absolute() / "monitoring"
    redis = os.environ.get("LISTINGS_REDIS_URL") or None
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _stop)
    try:
        with ExitStack() as stack:
            database = os.environ.get("LISTINGS_DATABASE_URL") or _private_database(stack, given.data_folder)
            started = stack.enter_context(
                running(Ports(), folder, database, redis, given.alertmanager_config.absolute())
            )
            show(Ports(), folder, redis)
            while not (dead := [name for name, each in started.items() if each.poll() is not None]):
                time.sleep(1)
            raise CannotRun(f"{dead[0]} has ended: {last_words(dead[0], folder)}")
    except CannotRun as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the data stays for the next start")
        return 0


def _private_database(stack: ExitStack, data_folder: Path) -> str:
    """The PostgreSQL of `make run`, started where it does not run yet."""
    server = EmbeddedPostgres(data_folder / "postgres")
    server.start()
    stack.callback(server.stop)
    return server.dsn()


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
