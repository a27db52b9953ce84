"""The cluster's API with watches, through kubectl's own proxy: whatever a kubeconfig says about logging in works.

Stories wait on what the API server tells, never for a time.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from e2e.cluster.kubectl import Kubectl

_SERVING: Final = re.compile(r"Starting to serve on 127\.0\.0\.1:(\d+)")
_LARGEST_EVENT: Final = 8 << 20


class Change(NamedTuple):
    """An event of a watch."""

    kind: str
    """ADDED, MODIFIED or DELETED."""
    document: dict[str, Any]
    at: float
    """When it arrived here, on the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Api:
    """One API server."""

    session: aiohttp.ClientSession

    async def get(self, path: str) -> dict[str, Any] | None:
        """An object or a list, or None."""
        async with self.session.get(path) as answer:
            document: dict[str, Any] = await answer.json()
            if answer.status == 404:
                return None
            assert answer.ok, document
            return document

    async def patch(self, path: str, change: dict[str, Any]) -> dict[str, Any]:
        """Merge a change into an object, as a person with `kubectl edit` would."""
        headers = {"Content-Type": "application/merge-patch+json"}
        async with self.session.patch(path, data=json.dumps(change), headers=headers) as answer:
            document: dict[str, Any] = await answer.json()
            assert answer.ok, document
            return document

    async def delete(self, path: str) -> None:
        """Delete an object in the background."""
        async with self.session.delete(path, json={"propagationPolicy": "Background"}) as answer:
            assert answer.ok, await answer.text()

    async def watch(self, collection: str, name: str = "") -> AsyncIterator[Change]:
        """What is there, as ADDED, and then every change; of one object or of a collection, without an end."""
        query = {"watch": "1"} | ({"fieldSelector": f"metadata.name={name}"} if name else {})
        while True:
            async with self.session.get(collection, params=query) as answer:
                assert answer.ok, await answer.text()
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break  # an old version of the list: begin anew
                    yield Change(event["type"], event["object"], time.monotonic())

    async def until(
        self, collection: str, name: str, holds: Callable[[dict[str, Any]], bool], *, seconds: float
    ) -> Change:
        """Wait until something is true of an object; AssertionError shows how it was last seen."""
        last: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                async for change in self.watch(collection, name):
                    last = change.document
                    if change.kind != "DELETED" and holds(last):
                        return change
        except TimeoutError:
            seen = json.dumps(last.get("status", last), indent=1)
            raise AssertionError(
                f"{collection}/{name} was not as wanted within {seconds:.0f} s:\n{seen}"
            ) from None
        raise AssertionError("a watch has no end")


@asynccontextmanager
async def open_api(kubectl: Kubectl) -> AsyncIterator[Api]:
    """Start a proxy for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        kubectl.binary,
        f"--kubeconfig={kubectl.kubeconfig}",
        "proxy",
        "--port=0",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        found = _SERVING.search((await process.stdout.readline()).decode())
        assert found is not None, "kubectl proxy did not start"
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{found[1]}",
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            read_bufsize=_LARGEST_EVENT,
        ) as session:
            yield Api(session)
    finally:
        process.terminate()
        await process.wait()
