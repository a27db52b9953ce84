"""A Prometheus that scrapes one target every second. Needs Debian's package prometheus."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml
from providers.free_ports import free_port
from providers.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

monitoring = tool("monitoring")


@contextmanager
def scraping(folder: Path, job: str, address: str, *arguments: str) -> Iterator[str]:
    """Its address while the block lasts; `arguments` are further flags. Data and log are in the folder."""
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [address]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    flags = (
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *arguments,
    )
    program = monitoring.Program("prometheus", "prometheus", flags, port, "/-/ready")
    with monitoring.begun(program, folder) as process:
        monitoring.wait_until_ready(program, process, folder)
        yield f"http://127.0.0.1:{port}"
