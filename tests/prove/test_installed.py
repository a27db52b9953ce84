"""The wheel in an empty environment is the whole service: it finds its migrations and its rules without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"


def _run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Run a command away from the checkout and without what this test's environment knows of it."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LISTINGS_", "PYTHON", "VIRTUAL_ENV", "COVERAGE"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it, with the locked versions of what it needs, into a new environment."""
    folder = tmp_path_factory.mktemp("installed")
    _run(UV, "build", "--wheel", "--quiet", "--out-dir", folder, CHECKOUT, folder=folder)
    _run(
        *(UV, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes"),
        *("--project", CHECKOUT, "--output-file", folder / "locked.txt"),
        folder=folder,
    )
    _run(UV, "venv", "--quiet", "--python", sys.executable, folder / "env", folder=folder)
    (wheel,) = folder.glob("listings-*.whl")
    _run(
        *(UV, "pip", "install", "--quiet", "--python", folder / "env/bin/python"),
        *("--requirements", folder / "locked.txt", wheel),
        folder=folder,
    )
    return folder


def test_an_installed_service_migrates_and_serves_nothing_from_the_checkout(installed: Path, empty_dsn: str):
    listings = installed / "env/bin/listings"

    _run(listings, "migrate", "up", folder=installed, LISTINGS_DATABASE_URL=empty_dsn)

    told = _run(listings, "migrate", "verify", folder=installed, LISTINGS_DATABASE_URL=empty_dsn)
    assert "is as it should be" in told
    where = _run(
        installed / "env/bin/python", "-c", "import listings; print(listings.__file__)", folder=installed
    )
    assert Path(where.strip()).is_relative_to(installed)


def test_an_installed_service_answers_for_its_health(installed: Path, dsn: str):
    # What a container's check runs, against a service of the same installation.
    program = (
        "import asyncio, sys\n"
        "from listings.app import open_app\n"
        "from listings.settings import Settings\n"
        "import urllib.request\n"
        "async def main():\n"
        "    settings = Settings.model_validate({'database': {'url': sys.argv[1]},\n"
        "        'server': {'grpc_port': 0, 'http_port': 0, 'drain_delay_seconds': 0}})\n"
        "    async with open_app(settings) as app:\n"
        "        for path in ('/ready', '/docs', '/api/v1/categories'):\n"
        "            url = f'http://127.0.0.1:{app.http_port}{path}'\n"
        "            answer = await asyncio.to_thread(urllib.request.urlopen, url)\n"
        "            print(path, answer.status)\n"
        "asyncio.run(main())\n"
    )

    told = _run(installed / "env/bin/python", "-c", program, dsn, folder=installed)

    assert [line for line in told.splitlines() if line.startswith("/")] == [
        "/ready 200",
        "/docs 200",
        "/api/v1/categories 200",
    ]
