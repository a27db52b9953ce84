"""The first checks of docs/runbooks, run on the stage as the person on call would."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alerts_live.stage import ROOT

if TYPE_CHECKING:
    from alerts_live.cast import Cast

RUNBOOKS: Final = ROOT / "docs" / "runbooks"
# Programs that need a cluster or a host's own services: their lines are read by the shell, not run.
ELSEWHERE: Final = ("kubectl ", "systemctl ", "journalctl ")


def first_checks(page: Path) -> list[str]:
    """The lines that a runbook tells to run first."""
    section = page.read_text().partition("## First checks")[2].partition("\n## ")[0]
    return [
        line
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        for line in block.splitlines()
        if line.strip()
    ]


async def complaints(cast: Cast) -> tuple[int, list[str]]:
    """How many different lines were run, and what was wrong with which."""
    lines = {line: page.name for page in sorted(RUNBOOKS.glob("*.md")) for line in first_checks(page)}
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PROMETHEUS": cast.stage.url,
        "ALERTMANAGER": cast.stage.alertmanager_url,
        "LISTINGS": cast.shop.process.http,
        "LISTINGS_DATABASE_URL": cast.shop.dsn,
        "LISTINGS_REDIS_URL": cast.stage.redis.url,
        "STANDBY_URL": cast.standby_dsn,
    }
    found = []
    for line, page in lines.items():
        # Not asyncio's: it forks, and gRPC's threads do not live through that.
        wrong = await asyncio.to_thread(_wrong, line, environment)
        if wrong:
            found.append(f"{page}: {line}: {wrong}")
    return len(lines), found


def _wrong(line: str, environment: dict[str, str]) -> str:
    only_read = ["-n"] if line.startswith(ELSEWHERE) else []
    done = subprocess.run(
        ["sh", *only_read, "-c", line],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"ends with {done.returncode}: {done.stdout[-200:]} {done.stderr[-300:]}"
    if "/api/v1/query" in line and not only_read and json.loads(done.stdout)["status"] != "success":
        return done.stdout[:300]
    return ""
