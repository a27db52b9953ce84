"""The tables of `stock.py`, and which of its bounds did not hold."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.stock_workloads import ALONE, BULK_1000, GUARDED, UNGUARDED, WORKLOADS
from rich.table import Table

if TYPE_CHECKING:
    from bench.load import Outcome
    from rich.console import Console

# How much longer a lone caller may wait than with the naive server.
LONGEST_ALONE = 1.05


@dataclass
class Side:
    """One server's rounds of one workload."""

    outcomes: list[Outcome] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    postgres_us: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        return statistics.median(outcome.quantile(share) for outcome in self.outcomes)

    @property
    def per_second(self) -> float:
        return statistics.median(outcome.per_second for outcome in self.outcomes)


@dataclass
class Row:
    engine: Side = field(default_factory=Side)
    naive: Side = field(default_factory=Side)
    pgbench_per_second: list[float] = field(default_factory=list)

    @property
    def pgbench(self) -> float | None:
        return statistics.median(self.pgbench_per_second) if self.pgbench_per_second else None

    @property
    def ratio(self) -> float:
        pairs = zip(self.engine.outcomes, self.naive.outcomes, strict=True)
        return statistics.median(ours.per_second / theirs.per_second for ours, theirs in pairs)

    @property
    def cpu_ratio(self) -> float:
        """How often the engine's CPU of server and PostgreSQL fits into the naive one's."""
        naive, engine = (
            statistics.median(side.server_us) + statistics.median(side.postgres_us)
            for side in (self.naive, self.engine)
        )
        return naive / engine

    @property
    def p50_ratio(self) -> float:
        pairs = zip(self.engine.outcomes, self.naive.outcomes, strict=True)
        return statistics.median(ours.quantile(0.5) / theirs.quantile(0.5) for ours, theirs in pairs)


Rows = dict[str, Row]


def show(console: Console, rows: Rows, copied_per_second: float) -> list[str]:
    """Print what was measured; the bounds that did not hold."""
    for table in (rates(rows), costs(rows), alone(rows)):
        if table.row_count:
            console.print(table)
    guarded, free = rows.get(GUARDED), rows.get(UNGUARDED)
    if guarded and free:
        whole = guarded.engine.quantile(0.5)
        console.print(
            f"the guard against repeats costs {whole - free.engine.quantile(0.5):.2f} ms of {whole:.2f} ms "
            f"(p50 of one client with and without order_id; naive: "
            f"{guarded.naive.quantile(0.5) - free.naive.quantile(0.5):.2f} ms)"
        )
    if created := rows.get(BULK_1000):
        ours = created.engine.per_second * 1000
        console.print(
            f"BulkCreateProducts: {ours:,.0f} rows/s, plain COPY of the same rows {copied_per_second:,.0f} "
            f"(ratio {ours / copied_per_second:.2f}; COPY checks nothing and writes neither movements nor queue rows)"
        )
    return problems(rows)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def rates(rows: Rows) -> Table:
    table = _table(
        "calls per second, medians", "call", "clients", "engine", "naive", "ratio", "bound", "pgbench"
    )
    for workload in WORKLOADS:
        if row := rows.get(workload.name):
            table.add_row(
                workload.name,
                str(workload.clients),
                f"{row.engine.per_second:,.0f}",
                f"{row.naive.per_second:,.0f}",
                f"{row.ratio:.2f}",
                f">= {workload.bound:g}" if workload.bound else "",
                f"{row.pgbench:,.0f}" if row.pgbench else "",
            )
    return table


def costs(rows: Rows) -> Table:
    table = _table(
        "engine | naive: latency in ms, CPU per call in microseconds",
        "call", "p50", "p95", "p99", "server CPU", "PostgreSQL CPU", "CPU ratio",
    )  # fmt: skip
    for workload in WORKLOADS:
        if row := rows.get(workload.name):
            sides = (row.engine, row.naive)
            table.add_row(
                workload.name,
                *(" | ".join(f"{side.quantile(share):.1f}" for side in sides) for share in (0.5, 0.95, 0.99)),
                " | ".join(f"{statistics.median(side.server_us):,.0f}" for side in sides),
                " | ".join(f"{statistics.median(side.postgres_us):,.0f}" for side in sides),
                f"{row.cpu_ratio:.2f}",
            )
    return table


def alone(rows: Rows) -> Table:
    table = _table(
        "one client: latency in ms, beside what the specification allows and says it measured",
        "call", "p50", "p95", "p99", "naive p50", "ratio of p50", "allowed", "its own",
    )  # fmt: skip
    for workload in ALONE:
        if row := rows.get(workload.name):
            table.add_row(
                workload.name.removeprefix("one client: "),
                *(f"{row.engine.quantile(share):.2f}" for share in (0.5, 0.95, 0.99)),
                f"{row.naive.quantile(0.5):.2f}",
                f"{row.p50_ratio:.2f}",
                f"< {workload.limit_ms:g}" if workload.limit_ms else "",
                workload.own_ms,
            )
    return table


def problems(rows: Rows) -> list[str]:
    found = []
    for workload in WORKLOADS:
        row = rows.get(workload.name)
        if row and workload.bound and row.ratio < workload.bound:
            found.append(f"{workload.name}: {row.ratio:.2f} is below {workload.bound:g}")
        if row and row.pgbench and workload.name.endswith("hot") and row.engine.per_second <= row.pgbench:
            found.append(
                f"{workload.name}: {row.engine.per_second:,.0f}/s is not above pgbench's {row.pgbench:,.0f}/s"
            )
    for workload in ALONE:
        row = rows.get(workload.name)
        if row and workload.limit_ms and row.engine.quantile(0.99) >= workload.limit_ms:
            found.append(
                f"{workload.name}: p99 {row.engine.quantile(0.99):.1f} ms, allowed {workload.limit_ms:g}"
            )
    if (guarded := rows.get(GUARDED)) and guarded.p50_ratio > LONGEST_ALONE:
        found.append(f"{GUARDED}: p50 is {guarded.p50_ratio:.2f} times the naive one's")
    return found
