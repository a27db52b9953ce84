"""Watches the process itself for `/metrics`: event-loop lag, pauses of the garbage collector, limits.

`app.py` runs `watched` around everything else, so that the start counts too.
"""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from listings.state_metrics import RuntimeMetrics

# Ten looks per second cost a hundredth of a percent of a core and see every stall of a tenth of a second.
LOOK_SECONDS: Final = 0.1
# Python looks for cycles after every 700 new objects, a handful of calls, and finds none: what calls make goes
# with its last reference. Rarer looks cost less per call, and cycles of 20,000 objects are a few megabytes.
_NEW_OBJECTS: Final = 20_000
_UNLIMITED_V1: Final = 1 << 60  # version 1 writes "no limit" as a number near 2**63
_MOUNT: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def start_uncollected() -> None:
    """Look for no garbage while a start builds what stays: an eighth of its time, and nothing is found.

    For a process that only serves, before it imports the rest; `collect_seldom` ends it.
    """
    gc.disable()


def collect_seldom() -> None:
    """Take what the start has built out of every later garbage collection, and collect less often.

    For a process that only serves: `cli/serve.py` asks for it once everything is open.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 10, 10)
    gc.enable()


@asynccontextmanager
async def watched(metrics: RuntimeMetrics, mount: Path = _MOUNT, own: Path = _OWN) -> AsyncIterator[None]:
    """Keep the numbers true for as long as the block lasts; `mount` and `own` are where control groups are told of."""
    metrics.memory_limit = partial(memory_limit, mount, own)
    metrics.cpu_limit = partial(cpu_limit, mount, own)
    began = 0.0

    def collected(phase: str, info: dict[str, Any]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            metrics.pauses[info["generation"]].observe(time.perf_counter() - began)

    looking = asyncio.get_running_loop().create_task(_look(metrics))
    gc.callbacks.append(collected)
    try:
        yield
    finally:
        gc.callbacks.remove(collected)
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look(metrics: RuntimeMetrics) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(LOOK_SECONDS)
        metrics.lag.observe(max(time.perf_counter() - before - LOOK_SECONDS, 0.0))
        metrics.tasks = len(asyncio.all_tasks())


def memory_limit(mount: Path, own: Path) -> float:
    """Bytes that the tightest control group around this process allows; 0 without a limit."""
    found = [_number(folder / "memory.max") for folder in _groups(mount, own, "")]
    found += [_number(folder / "memory.limit_in_bytes") for folder in _groups(mount, own, "memory")]
    return min((limit for limit in found if limit is not None and limit < _UNLIMITED_V1), default=0.0)


def cpu_limit(mount: Path, own: Path) -> float:
    """Cores that the tightest control group around this process allows; 0 without a limit."""
    found = []
    for folder in _groups(mount, own, ""):
        words = _words(folder / "cpu.max")
        if len(words) == 2 and words[0] != "max":
            found.append(float(words[0]) / float(words[1]))
    for folder in _groups(mount, own, "cpu"):
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota and period and quota > 0:
            found.append(quota / period)
    return min(found, default=0.0)


def _groups(mount: Path, own: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those around it; version 2 without a controller."""
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                folder = mount / controller / path.lstrip("/")
                root = mount / controller
                yield from (folder, *(parent for parent in folder.parents if parent.is_relative_to(root)))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _number(file: Path) -> float | None:
    words = _words(file)
    return float(words[0]) if words and words[0] != "max" else None
