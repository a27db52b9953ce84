"""pgbench on the very statements that the service sends: what PostgreSQL alone needs for them."""

from __future__ import annotations

import subprocess
import tempfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.load import Generator

import listings.db.connections as connections_module
from listings.app import open_app
from listings.embedded.binaries import choose_postgres
from listings.settings import Settings

if TYPE_CHECKING:
    from bench.machine import Part
    from bench.workloads import Catalog, Workload

SAMPLES = 40


async def captured_statements(dsn: str, workload: Workload, catalog: Catalog) -> list[str]:
    """One SQL text with literal values for each of a few sample calls, as a real service sends them."""
    sent: list[str] = []
    original = connections_module.Session.fetch

    async def recording(session: Any, statement: Any, *args: object) -> Any:
        if not statement.name.startswith("cache."):
            sent.append(with_literals(statement.sql, args))
        return await original(session, statement, *args)

    settings = Settings.model_validate(
        {
            "server": {
                "grpc_host": "127.0.0.1",
                "grpc_port": 0,
                "http_host": "127.0.0.1",
                "http_port": 0,
                "drain_delay_seconds": 0,
            },
            "database": {"url": dsn},
            "cache": {"enabled": False},
        }
    )
    per_call: list[str] = []
    async with open_app(settings) as app:
        generator = Generator(f"127.0.0.1:{app.grpc_port}", channels=1)
        connections_module.Session.fetch = recording  # type: ignore[method-assign] # we only listen
        try:
            source = workload.requests(catalog, 1)
            for _ in range(SAMPLES):
                sent.clear()
                await generator.once(0, *next(source))
                per_call.append(";\n".join(sent) + ";\n")
        finally:
            connections_module.Session.fetch = original  # type: ignore[method-assign] # as before
            await generator.close()
    return per_call


def with_literals(sql: str, args: tuple[object, ...]) -> str:
    """The statement with its parameters written out, last first so that $1 does not eat $10."""
    for number in range(len(args), 0, -1):
        sql = sql.replace(f"${number}", literal(args[number - 1]))
    return "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))


def literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case datetime() | date():
            return f"'{value.isoformat()}'"
        case list() | tuple():
            return "'{" + ",".join('"' + str(item).replace('"', '\\"') + '"' for item in value) + "}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def run_pgbench(dsn: str, scripts: list[str], calls: int, postgres: Part) -> float:
    """PostgreSQL's CPU per transaction in microseconds, 8 clients, prepared, generic plans, no JIT."""
    pgbench = choose_postgres().folder / "pgbench"
    with tempfile.TemporaryDirectory() as folder:
        options = []
        for number, script in enumerate(scripts):
            path = Path(folder) / f"{number}.sql"
            path.write_text(script)
            options += ["-f", str(path)]
        before = postgres.cpu_seconds()
        done = subprocess.run(
            [
                pgbench,
                "-n",
                "-M",
                "prepared",
                "-c",
                "8",
                "-j",
                "1",
                "-t",
                str(max(calls // 8, 1)),
                *options,
                dsn,
            ],
            env={"PGOPTIONS": "-c plan_cache_mode=force_generic_plan -c jit=off", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        spent = postgres.cpu_seconds() - before
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return spent / (max(calls // 8, 1) * 8) * 1e6
