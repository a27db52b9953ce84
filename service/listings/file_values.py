"""Values made from files that may be replaced while the service runs: keys for tokens, certificates for TLS.

Looking at a file's stamp costs a few microseconds, so whoever needs the value asks, and at most every few
seconds that is a look. No watcher to start, to stop, or to lose its place when a mounted secret is swapped.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

log = structlog.get_logger(__name__)

Value = TypeVar("Value")
_Stamp = tuple[int, int, int] | None


class FileValue(Generic[Value]):
    """What `load` makes of some files; made again once one of them has changed. Safe to ask from any thread."""

    def __init__(
        self,
        paths: Sequence[Path],
        load: Callable[[], Value],
        *,
        what: str,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Loads at once and raises what `load` raises; later a file that cannot serve leaves the old value.

        `seconds` is the shortest time between two looks, `what` names the value in logs.
        """
        self._paths = paths
        self._load = load
        self._what = what
        self._seconds = seconds
        self._clock = clock
        self._looking = threading.Lock()
        self._stamps = [_stamp(path) for path in paths]  # before loading: a change in between is seen
        self._value = load()
        self._next_look = clock() + seconds

    def current(self) -> Value:
        """The value, from files as they were at most `seconds` ago."""
        if self._clock() >= self._next_look:
            self.look()
        return self._value

    def look(self) -> bool:
        """Look at the files now; whether that gave a new value."""
        with self._looking:
            self._next_look = self._clock() + self._seconds
            stamps = [_stamp(path) for path in self._paths]
            if stamps == self._stamps:
                return False
            self._stamps = stamps
            try:
                self._value = self._load()
            except (ValueError, OSError) as error:  # written halfway, or wrong: said once per change
                log.warning(
                    "changed files cannot serve, the old ones still do", what=self._what, why=str(error)
                )
                return False
            log.info("changed files are in use", what=self._what)
            return True


def _stamp(path: Path) -> _Stamp:
    """What differs once a file was written or replaced; None where it cannot be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
