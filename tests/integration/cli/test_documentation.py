"""The console examples of README and the how-to pages print what the pages say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from providers.console import blocks

from listings.demo.load import load_demo
from listings.demo.tokens import demo_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

CHECKOUT = Path(__file__).parents[3]
PAGES = ("README.md", "docs/how-to/call.md", "docs/how-to/configuration.md")


@pytest.mark.parametrize("page", PAGES)
async def test_examples_print_what_the_page_says(
    page: str, dsn: str, start_service: Callable[..., AbstractAsyncContextManager[Any]], tmp_path: Path
):
    import asyncio

    await load_demo(dsn)
    auth = {"rest_writes": True, "hs256_secret": demo_secret(tmp_path)}
    kept: dict[str, str] = {}
    async with start_service(auth=auth) as service:

        def run(command: str) -> str:
            for given, real in (
                (":8086", f":{service.app.http_port}"),
                ("listings call", f"listings call --address localhost:{service.app.grpc_port}"),
            ):
                command = command.replace(given, real)
            clean = {name: value for name, value in os.environ.items() if not name.startswith("LISTINGS_")}
            result = subprocess.run(
                ["sh", "-c", command],
                cwd=CHECKOUT,
                env={**clean, "LISTINGS_DATA_FOLDER": str(tmp_path), "COLUMNS": "100", **kept},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            return result.stdout

        shown = 0
        for block in blocks(CHECKOUT / page):
            kept.clear()
            for example in block:
                name, assigns, _ = example.command.partition("=$(")
                # Kept, as the reader's shell keeps it, rather than found anew for each command after it.
                shows = f'{example.command}; printf %s "${name}"' if assigns else example.command
                printed = await asyncio.to_thread(run, shows)
                if assigns:
                    assert printed, example.command
                    kept[name], printed = printed, ""
                assert _steady(printed) == _steady(example.output), example.command
                shown += 1
        assert shown, "the page has examples"


def _steady(text: str) -> list[str]:
    """Lines without what differs from run to run."""
    import re

    text = re.sub(r"request id [0-9a-f]{16}", "request id 0", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "2026-01-01T00:00:00Z", text)
    return [line.rstrip() for line in text.strip("\n").splitlines()]
