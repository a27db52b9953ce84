"""What a container engine does to a process: a control group around it that limits its memory and CPU.

Version 2 where the machine has the two controllers there, else version 1.
"""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = Path("/sys/fs/cgroup")
_CONTROLLERS: Final = ("memory", "cpu")
_PERIOD_MICROSECONDS: Final = 100_000
_numbers = itertools.count(1)


def may_make() -> bool:
    """Whether this user can limit a process on this machine."""
    return os.geteuid() == 0 and (_version_2() or all((_ROOT / each).is_dir() for each in _CONTROLLERS))


@contextmanager
def confined(pid: int, *, memory_bytes: float, cores: float) -> Iterator[None]:
    """Limit a process while the block lasts; what it holds already stays charged elsewhere, so nothing is killed."""
    name = f"listings-alerts-{os.getpid()}-{next(_numbers)}"
    limits = {
        "memory.max": f"{memory_bytes:.0f}",
        "memory.limit_in_bytes": f"{memory_bytes:.0f}",
        "cpu.max": f"{cores * _PERIOD_MICROSECONDS:.0f} {_PERIOD_MICROSECONDS}",
        "cpu.cfs_quota_us": f"{cores * _PERIOD_MICROSECONDS:.0f}",
    }
    places = {"": _ROOT} if _version_2() else {each: _ROOT / each for each in _CONTROLLERS}
    with ExitStack() as undone:
        for controller, root in places.items():
            group, before = root / name, root / _group_of(pid, controller)
            group.mkdir()
            undone.callback(group.rmdir)
            for file, limit in limits.items():
                if (group / file).exists():
                    (group / file).write_text(limit)
            undone.callback(_move_all, group, before)
            _move(pid, group)
        yield


def _version_2() -> bool:
    handed_down = _ROOT / "cgroup.subtree_control"
    return handed_down.exists() and {*_CONTROLLERS} <= {*handed_down.read_text().split()}


def _group_of(pid: int, controller: str) -> str:
    """Where a process is, below the root of that hierarchy; version 2 has no controller's name there."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.lstrip("/")
    raise LookupError(f"process {pid} is in no control group of {controller or 'version 2'}")


def _move_all(group: Path, to: Path) -> None:
    for pid in (group / "cgroup.procs").read_text().split():
        _move(int(pid), to)


def _move(pid: int, group: Path) -> None:
    with suppress(ProcessLookupError):  # it has ended
        (group / "cgroup.procs").write_text(f"{pid}")
