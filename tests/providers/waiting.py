"""Wait until another program has come so far."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Between two looks at a foreign process, which tells nobody that it is ready.
LOOK_SECONDS: Final = 0.05


def until(condition: Callable[[], T], what: str, seconds: float = 120) -> T:
    """What `condition` returns as soon as it is true; fails with `what` when it is not within these seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not so within {seconds:g} s: {what}"
        time.sleep(LOOK_SECONDS)
    return found
