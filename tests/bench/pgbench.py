"""pgbench on the very statements that the service sends: what PostgreSQL alone needs for them."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Sent:
    """One statement as the service sent it."""

    sql: str
    args: tuple[object, ...]


async def captured_statements(dsn: str, workload: Workload, catalog: Catalog) -> list[list[Sent]]:
    """What a real service sends for each of a few sample calls."""
    sent: list[Sent] = []
    original = connections_module.Session.fetch

    async def recording(session: Any, statement: Any, *args: object) -> Any:
        if not statement.name.startswith("cache."):
            sent.append(Sent(without_comments(statement.sql), args))
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
    per_call: list[list[Sent]] = []
    async with open_app(settings) as app:
        generator = Generator(f"127.0.0.1:{app.grpc_port}", channels=1)
        connections_module.Session.fetch = recording  # type: ignore[method-assign] # we only listen
        try:
            source = workload.requests(catalog, 1)
            for _ in range(SAMPLES):
                sent.clear()
                await generator.answer_of(*next(source))
                per_call.append(list(sent))
        finally:
            connections_module.Session.fetch = original  # type: ignore[method-assign] # as before
            await generator.close()
    return per_call


def without_comments(sql: str) -> str:
    return "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))


def with_literals(sent: Sent) -> str:
    """The statement with its parameters written out, last first so that $1 does not eat $10."""
    sql = sent.sql
    for number in range(len(sent.args), 0, -1):
        sql = sql.replace(f"${number}", literal(sent.args[number - 1]))
    return sql


def literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case datetime() | date():
            return quoted(value.isoformat())
        case list() | tuple():
            return quoted("{" + ",".join('"' + str(item).replace('"', '\\"') + '"' for item in value) + "}")
        case _:
            return quoted(str(value))


def quoted(text: str) -> str:
    """A string constant without a colon in it: pgbench would take what follows for a variable."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
    return f"E'{escaped}'"


# What pgbench takes for a variable; `::type` is none.
_VARIABLE = re.compile(r"(?<!:):[A-Za-z0-9_]")


def scripts_for(calls: list[list[Sent]]) -> tuple[str, list[str], list[str]]:
    """(protocol, options, scripts) for pgbench.

    Statements are prepared by pgbench itself where their text allows it. Where a colon in the text looks
    like a variable of pgbench (array slices, `:A` weights), the script prepares it once per connection
    and executes it by name; parsing that one short line is then part of the yardstick.
    """
    texts = list(dict.fromkeys(sent.sql for call in calls for sent in call))
    if not any(_VARIABLE.search(text) for text in texts):
        return "prepared", [], [";\n".join(with_literals(sent) for sent in call) + ";\n" for call in calls]
    names = {text: f"s{number}" for number, text in enumerate(texts)}
    scripts = []
    for call in calls:
        lines = []
        for sent in call:
            name = names[sent.sql]
            lines += [f"\\if :{name} = 0", f"PREPARE {name} AS {sent.sql};", f"\\set {name} 1", "\\endif"]
            arguments = ", ".join(literal(value) for value in sent.args)
            lines.append(f"EXECUTE {name}({arguments});" if arguments else f"EXECUTE {name};")
        scripts.append("\n".join(lines) + "\n")
    return "simple", [option for name in names.values() for option in ("-D", f"{name}=0")], scripts


def run_pgbench(dsn: str, calls: list[list[Sent]], count: int, postgres: Part) -> float:
    """PostgreSQL's CPU per transaction in microseconds, 8 clients, generic plans, no JIT."""
    pgbench = choose_postgres().folder / "pgbench"
    protocol, options, scripts = scripts_for(calls)
    each = max(count // 8, 1)
    with tempfile.TemporaryDirectory() as folder:
        for number, script in enumerate(scripts):
            path = Path(folder) / f"{number}.sql"
            path.write_text(script)
            options += ["-f", str(path)]
        before = postgres.cpu_seconds()
        done = subprocess.run(
            [pgbench, "-n", "-M", protocol, "-c", "8", "-j", "1", "-t", str(each), *options, dsn],
            env={"PGOPTIONS": "-c plan_cache_mode=force_generic_plan -c jit=off", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        spent = postgres.cpu_seconds() - before
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return spent / (each * 8) * 1e6
