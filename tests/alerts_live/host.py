"""A machine that can be short of CPU, memory and disk: files that a node exporter reads in place of the real ones.

The real one is never filled, slowed or lied to. What the exporter makes of these files, and all after it, is real.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from listings.background import background

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_GIB: Final = 2**30
_TOTAL_MEMORY: Final = 8 * _GIB
_DISK: Final = 100 * _GIB
_TICKS_PER_SECOND: Final = 100
_LABELS: Final = '{device="/dev/vda1",fstype="ext4",mountpoint="/"}'


class Host:
    """The tree; its numbers may be changed at any time. `arguments` makes a node exporter read it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._busy_seconds = 1000.0
        self._idle_seconds = 1000.0
        self.cpu_used = 0.1
        self.memory_used = 0.4
        self.disk_used = 0.5
        for each in ("proc/net", "proc/1", "sys", "text"):
            (folder / each).mkdir(parents=True)
        self._write(0)

    def arguments(self) -> tuple[str, ...]:
        """The flags of a node exporter that knows this machine alone."""
        collectors = ("cpu", "meminfo", "diskstats", "netdev", "textfile")
        return (
            f"--path.procfs={self._folder / 'proc'}",
            f"--path.sysfs={self._folder / 'sys'}",
            f"--collector.textfile.directory={self._folder / 'text'}",
            "--collector.disable-defaults",
            "--no-collector.netdev.netlink",
            *(f"--collector.{each}" for each in collectors),
        )

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Time passes there while the block lasts."""

        async def pass_time() -> None:
            before = time.monotonic()
            while True:
                await asyncio.sleep(0.5)
                before, now = time.monotonic(), before
                self._write(before - now)

        async with background(pass_time()):
            yield

    def _write(self, seconds: float) -> None:
        """Let so much time pass there."""
        self._busy_seconds += seconds * self.cpu_used
        self._idle_seconds += seconds * (1 - self.cpu_used)
        busy, idle = (round(each * _TICKS_PER_SECOND) for each in (self._busy_seconds, self._idle_seconds))
        times = f"{busy} 0 0 {idle} 0 0 0 0 0 0"
        free = round(_TOTAL_MEMORY * (1 - self.memory_used) / 1024)
        total = _TOTAL_MEMORY // 1024
        self._replace("proc/stat", f"cpu  {times}\ncpu0 {times}\nbtime 1700000000\n")
        self._replace("proc/meminfo", f"MemTotal: {total} kB\nMemFree: {free} kB\nMemAvailable: {free} kB\n")
        # Its disk and its network are as busy as its CPU.
        sectors, octets = busy, busy * 1000
        self._replace("proc/diskstats", f"254 0 vda {busy} 0 {sectors} 0 {busy} 0 {sectors}{' 0' * 10}\n")
        self._replace(
            "proc/net/dev",
            "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n"
            f"  eth0: {octets} {busy} 0 0 0 0 0 0 {octets} {busy} 0 0 0 0 0 0\n",
        )
        # Not the exporter's own look at file systems: it would ask the kernel, which knows the real ones alone.
        values = {"size_bytes": _DISK, "avail_bytes": round(_DISK * (1 - self.disk_used)), "readonly": 0}
        self._replace(
            "text/filesystem.prom",
            "".join(
                f"# TYPE node_filesystem_{name} gauge\nnode_filesystem_{name}{_LABELS} {value}\n"
                for name, value in values.items()
            ),
        )

    def _replace(self, name: str, text: str) -> None:
        file = self._folder / name
        new = file.with_name(f"{file.name}.new")
        new.write_text(text)
        new.rename(file)
