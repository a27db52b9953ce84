"""Files of Debian packages that this machine has installed, with the libraries they need: what a small image is made of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.cluster.processes import ClusterError, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


def files_below(*folders: str, without: Sequence[str] = ()) -> dict[str, Path]:
    """Return every file below some folders, except those with one of some names."""
    found: dict[str, Path] = {}
    for folder in folders:
        if not Path(folder).is_dir():
            raise ClusterError(f"{folder} is missing: install the Debian package that has it")
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and not any(name in path.name for name in without):
                found[str(path)] = path
    return found


def programs(*paths: str) -> dict[str, Path]:
    """Return programs by their full path."""
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise ClusterError(f"{', '.join(missing)} missing: install the Debian package that has it")
    return {path: Path(path) for path in paths}


def with_libraries(files: dict[str, Path]) -> dict[str, Path]:
    """Add the shared libraries that programs and libraries among the files are linked to, and the loader."""
    linked = [str(path) for path in files.values() if _is_elf(path)]
    return {**files, **{path: Path(path) for path in _libraries(linked)}}


def _libraries(binaries: Iterable[str]) -> set[str]:
    # A static program makes ldd fail; it has nothing to add.
    listing = run("ldd", *binaries, check=False)
    return set(_LIBRARY.findall(listing))


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
