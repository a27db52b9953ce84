"""The baseline, for `make baseline`: what the service does on an ordinary day, and that alerts tell it from a bad one.

    python tests/bench/baseline.py [--seconds 300] [--per-second 100] [--no-write]

1. `make monitoring`'s Prometheus with the rules as they are watches the service under the mixture of `marketplace.py`,
   gRPC and REST, at a constant rate. Every operation must stay below 100 ms at P95, none may fail, no alert may fire.
2. The database becomes 1.2 s slower, behind a proxy, with hours made minutes (`alerts_live/compressed.py`): exactly the
   alerts about slow statements and calls fire, and go when the database is itself again.

Writes what it measured into docs/reference/baseline.md. Latencies count from when a call was due.
"""

# ruff: noqa: E402 - a script must put tests/ on the path before it imports from there

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import asyncpg
from alerts_live.cast import warm
from alerts_live.proxy import proxy
from alerts_live.stage import open_stage
from alerts_live.traffic import Flow, admirers
from bench.marketplace import MIXTURE, REST
from bench.watched import watched

if TYPE_CHECKING:
    from bench.load import Outcome
    from bench.watched import Watched

PAGE: Final = HERE.parents[1] / "docs" / "reference" / "baseline.md"
BEGIN: Final = "<!-- Written by `make baseline`. -->"
BOUND_MS: Final = 100
WARM_UP_SECONDS: Final = 15
# Every statement is above the second that statements and callers are allowed, and no caller waits for two seconds.
DELAY_SECONDS: Final = 1.2
EXPECTED: Final = frozenset(
    {"DatabaseQueryDurationHigh", "HighLatencyP95Warning", "LatencyP95SLOBreach", "LatencyP99SLOBreach"}
)
# Fires always: it says that alerting works.
HEARTBEAT: Final = "DeadMansSwitch"


async def mixture(stage: Watched, *, per_second: float, seconds: float) -> dict[str, Outcome]:
    """The outcome of each operation, once caches and prepared statements are there."""
    async with stage.marketplace() as market:
        database = await asyncpg.connect(stage.dsn)
        try:
            await market.furnish(database)
        finally:
            await database.close()
        await market.constant_rate(per_second=per_second, seconds=WARM_UP_SECONDS, mixture=MIXTURE)
        market.outcomes.clear()
        await market.constant_rate(per_second=per_second, seconds=seconds, mixture=MIXTURE)
        return market.outcomes


def ever_fired(prometheus: str, seconds: float) -> set[str]:
    """The alerts that fired in the last seconds, the heartbeat aside."""
    query = f'max_over_time(ALERTS{{alertstate="firing"}}[{int(seconds)}s])'
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return {each["metric"]["alertname"] for each in found} - {HEARTBEAT}


async def slow_database(folder: Path) -> dict[str, float]:
    """Seconds until the expected alerts fired and until they were gone; raises where another one fired."""
    async with AsyncExitStack() as opened:
        stage = await opened.enter_async_context(open_stage(folder))
        network = await opened.enter_async_context(
            proxy(urlsplit(stage.primary.tcp_dsn("postgres")).port or 0)
        )
        service = await stage.serve("baseline", network=network, DB_POOL_SIZE="40")
        await opened.enter_async_context(service.visited(Flow(admirers(), 6)))
        await stage.until(lambda: stage.query('up{namespace="baseline"} == 1'), "it is scraped")
        await asyncio.sleep(10)  # ten minutes, when hours are minutes
        assert await stage.firing("baseline") == set()

        async def fires() -> bool:
            found = await stage.firing("baseline")
            assert found <= EXPECTED, f"fired without a reason: {found - EXPECTED}"
            return found == EXPECTED

        async def gone() -> bool:
            return not await stage.firing("baseline")

        await warm(service, 24)  # to log in takes several ways, which is not the fault that is meant
        network.delay_seconds, began = DELAY_SECONDS, time.monotonic()
        await stage.until(fires, "the expected alerts fire")
        fired, held = time.monotonic() - began, time.monotonic() + 20
        while time.monotonic() < held:  # an alert that comes too is found here
            assert await fires()
            await asyncio.sleep(1)
        network.delay_seconds, began = 0.0, time.monotonic()
        await stage.until(gone, "they are gone")
        return {"fired": fired, "gone": time.monotonic() - began}


def report(
    outcomes: dict[str, Outcome], alerts: set[str], per_second: float, seconds: float, slow: dict[str, float]
) -> list[str]:
    """The last section of docs/reference/baseline.md."""
    calls = sum(len(each.latencies) for each in outcomes.values())
    rest = {each.name for each in REST}
    lines = [
        BEGIN,
        (
            f"{calls:,} calls in {seconds:.0f} s at {per_second:.0f} per second over gRPC and REST, on"
            f" {os.cpu_count()} cores ({platform.machine()}) that service, PostgreSQL, Redis, Prometheus, exporters and callers"
            f" share, after {WARM_UP_SECONDS} s that do not count. Milliseconds from when a call was due."
        ),
        "",
        "| Operation | Calls | P50 | P95 | P99 | Errors |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in sorted(outcomes.items(), key=lambda item: (item[0] in rest, item[0])):
        quantiles = " | ".join(f"{each.quantile(share):.1f}" for share in (0.5, 0.95, 0.99))
        shown = f"`{name}`" if name in rest else name
        lines.append(f"| {shown} | {len(each.latencies):,} | {quantiles} | {each.failed} |")
    lines += [
        "",
        f"Above {BOUND_MS} ms at P95, or with errors: {', '.join(above(outcomes)) or 'none'}.",
        "",
        (
            f"Alerts that fired meanwhile: {', '.join(sorted(alerts)) or 'none'}. With the database {DELAY_SECONDS} s"
            f" slower, and hours made minutes, exactly {', '.join(sorted(EXPECTED))} fired, the last after {slow['fired']:.0f} s, and"
            f" all were gone {slow['gone']:.0f} s after the fault."
        ),
    ]
    return lines


def above(outcomes: dict[str, Outcome]) -> list[str]:
    """What is slower than it may be, or failed."""
    return [
        f"{name}: P95 {each.quantile(0.95):.0f} ms, {each.failures or 'no errors'}"
        for name, each in outcomes.items()
        if each.failed or each.quantile(0.95) > BOUND_MS
    ]


def write(lines: list[str]) -> None:
    """Replace the section, which is the page's last."""
    kept = PAGE.read_text().split(BEGIN)[0].rstrip()
    PAGE.write_text(f"{kept}\n\n" + "\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--per-second", type=float, default=100)
    parser.add_argument(
        "--no-write", action="store_true", help="only print what would stand in docs/reference/baseline.md"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="listings-baseline-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with watched(folder / "watched") as stage:
            outcomes = asyncio.run(mixture(stage, per_second=given.per_second, seconds=given.seconds))
            alerts = ever_fired(stage.prometheus, given.seconds + 60)
        (folder / "slow").mkdir(mode=0o711)
        slow = asyncio.run(slow_database(folder / "slow"))
    lines = report(outcomes, alerts, given.per_second, given.seconds, slow)
    print("\n".join(lines))
    if not given.no_write:
        write(lines)
    return 1 if alerts or any(each.failed for each in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
