"""pgbench on the very statements that the service sends: what PostgreSQL alone needs for them."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.load import Generator

from listings.app import open_app
from listings.db.session import Session
from listings.embedded.binaries import choose_postgres
from listings.settings import Settings

if TYPE_CHECKING:
    from bench.machine import Part
    from bench.workloads import Catalog, Workload

# What calls read with; the upkeep that a service does beside them has other names.
READS = ("listings.by_ids", "listings.page", "listings.count", "search.")
# pgbench takes no more than 128; each chooses among several calls, and makes one.
SCRIPTS = 120
CLIENTS = 8
# Calls after which a client has met every text of a statement: there are a few.
UNTIL_ALL_ARE_PLANNED = 48


@dataclass(frozen=True)
class Sent:
    """One statement as the service sent it."""

    sql: str
    args: tuple[object, ...]


async def captured_statements(dsn: str, workload: Workload, catalog: Catalog, calls: int) -> list[list[Sent]]:
    """What a real service sends for each of `calls` calls.

    As many as a round of the service makes: a few rows read over and over would come from the caches of
    the processors, and a round's thousands of different ones do not.
    """
    sent: list[Sent] = []
    original = Session.fetch

    async def recording(session: Any, statement: Any, *args: object) -> Any:
        if statement.name.startswith(READS):
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
        Session.fetch = recording  # type: ignore[method-assign] # we only listen
        try:
            source = workload.requests(catalog, 1)
            for _ in range(calls):
                sent.clear()
                await generator.answer_of(*next(source))
                per_call.append(list(sent))
        finally:
            Session.fetch = original  # type: ignore[method-assign] # as before
            await generator.close()
    return per_call


def without_comments(sql: str) -> str:
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
            return quoted(value.isoformat())
        case list() | tuple():
            return quoted("{" + ",".join('"' + str(item).replace('"', '\\"') + '"' for item in value) + "}")
        case _:
            return quoted(str(value))


def quoted(text: str) -> str:
    """A string constant without a colon in it: pgbench would take what follows for a variable."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
    return f"E'{escaped}'"


def scripts_for(calls: list[list[Sent]]) -> tuple[list[str], list[str]]:
    """(options, scripts) for pgbench; each of at most SCRIPTS makes one of its calls, drawn at random.

    A script prepares a statement once per connection, as the service does, and executes it by name:
    parsing that one short line is part of the yardstick.
    """
    texts = list(dict.fromkeys(sent.sql for call in calls for sent in call))
    names = {text: f"s{number}" for number, text in enumerate(texts)}
    scripts = []
    in_script = -(-len(calls) // SCRIPTS)
    for first in range(0, len(calls), in_script):
        chosen_from = calls[first : first + in_script]
        lines = [f"\\set call random(0, {len(chosen_from) - 1})"]
        for number, call in enumerate(chosen_from):
            lines.append(f"\\if :call = {number}")
            for sent in call:
                name = names[sent.sql]
                lines += [f"\\if :{name} = 0", f"PREPARE {name} AS {sent.sql};", f"\\set {name} 1", "\\endif"]
                arguments = ", ".join(literal(value) for value in sent.args)
                lines.append(f"EXECUTE {name}({arguments});" if arguments else f"EXECUTE {name};")
            lines.append("\\endif")
        scripts.append("\n".join(lines) + "\n")
    return [option for name in names.values() for option in ("-D", f"{name}=0")], scripts


def run_pgbench(
    dsn: str, calls: list[list[Sent]], count: int, postgres: Part, per_second: float | None = None
) -> float:
    """PostgreSQL's CPU per call in microseconds, 8 clients, generic plans, no JIT.

    `per_second` is the rate at which calls come, None: as fast as they are answered. A server that is never idle
    needs about half the time per call of one that is woken for each, so what a service costs at some rate
    is compared with the same rate.

    Connections have planned every statement, as the service's have: what connecting and planning cost
    is measured by a shorter run, and taken off.
    """
    each = max(count // CLIENTS, 1)
    short = cpu_of_run(dsn, calls, UNTIL_ALL_ARE_PLANNED, postgres, per_second)
    long = cpu_of_run(dsn, calls, UNTIL_ALL_ARE_PLANNED + each, postgres, per_second)
    return (long - short) / (each * CLIENTS) * 1e6


def cpu_of_run(
    dsn: str, calls: list[list[Sent]], each: int, postgres: Part, per_second: float | None
) -> float:
    """PostgreSQL's CPU seconds while every client runs `each` of the scripts, drawn at random."""
    pgbench = choose_postgres().folder / "pgbench"
    options, scripts = scripts_for(calls)
    if per_second is not None:
        options += ["-R", f"{per_second:.0f}"]
    with tempfile.TemporaryDirectory() as folder:
        for number, script in enumerate(scripts):
            path = Path(folder) / f"{number}.sql"
            path.write_text(script)
            options += ["-f", str(path)]
        before = postgres.cpu_seconds()
        done = subprocess.run(
            [pgbench, "-n", "-M", "simple", "-c", str(CLIENTS), "-j", "1", "-t", str(each), *options, dsn],
            env={"PGOPTIONS": "-c plan_cache_mode=force_generic_plan -c jit=off", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        spent = postgres.cpu_seconds() - before
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return spent
