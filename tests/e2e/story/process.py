"""The operator as a process of this machine, which a story may kill."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.story.shop import Shop


@contextmanager
def operator(shop: Shop, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An operator that looks after the shop's namespace; killed at the end of the block, if not before."""
    variables = {
        "KUBECONFIG": str(shop.cluster.kubeconfig),
        "LISTINGS_OPERATOR_NAMESPACES": shop.namespace,
        "LISTINGS_OPERATOR_HOST": "127.0.0.1",
        "LISTINGS_OPERATOR_PORT": "0",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "listings_operator"], env={**os.environ, **variables}, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
