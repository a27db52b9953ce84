"""Runs migrations in a process that ends itself with SIGKILL at the n-th boundary: `killed_runner.py DSN N`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from listings.migrate.runner import Options, migrate_up

if TYPE_CHECKING:
    from listings.migrate.runner import Event


def main(dsn: str, boundary: int) -> None:
    seen = 0

    def observe(_: Event) -> None:
        nonlocal seen
        seen += 1
        if seen == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(migrate_up(dsn, options=Options(observe=observe)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
