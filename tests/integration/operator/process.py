"""The operator as a process of its own, as its image runs it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

from providers.free_ports import free_port


@contextmanager
def operator(shop, log):
    port = free_port()
    variables = {
        "KUBECONFIG": str(shop.kubeconfig),
        "LISTINGS_OPERATOR_NAMESPACES": shop.namespace,
        "LISTINGS_OPERATOR_HOST": "127.0.0.1",
        "LISTINGS_OPERATOR_PORT": str(port),
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "listings_operator"], env={**os.environ, **variables}, stderr=output
        )
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


async def until(holds, log, seconds=40):
    deadline = time.monotonic() + seconds
    while not (found := await asyncio.to_thread(holds)):
        assert time.monotonic() < deadline, log.read_text()
        await asyncio.sleep(0.1)
    return found


def read(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""
