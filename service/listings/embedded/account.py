"""Which user of the operating system a private PostgreSQL runs as, and where that user can reach its files.

PostgreSQL refuses to run as root. Developers' containers and build machines are root, with their
home closed to others (mode 700), so both the account and the place of the data need a choice.
Nobody but `EmbeddedPostgres` asks.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from listings.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNPRIVILEGED: Final = ("postgres", "_postgres", "nobody")
# Not tempfile.gettempdir(): it fails where nothing can be written, and every command imports this module.
_ROOTS_PLACES: Final = (Path("/var/lib"), Path(os.environ.get("TMPDIR") or "/tmp"))  # noqa: S108 - a choice of two


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system that a root process can run a program as."""

    name: str
    uid: int
    gid: int

    def identity(self) -> dict[str, Any]:
        """Return the arguments of `subprocess.Popen` that drop root's rights, its groups included."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Make the account the owner of one file or folder."""
        os.chown(path, self.uid, self.gid)


def unprivileged(data: Path) -> Account | None:
    """Return the account to run as, or None when we are not root and simply stay who we are.

    Existing data keeps its owner: installing PostgreSQL later (and its user with it) must not lock us out.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        owner = data.stat()
        return Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    message = (
        f"PostgreSQL does not run as root and this machine has none of the users {', '.join(_UNPRIVILEGED)}: "
        "create one of them, or start as an ordinary user"
    )
    raise EmbeddedServerError(message)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # its package may be gone
        return f"uid {uid}"


def closed_to(account: Account, path: Path) -> Path | None:
    """Return the first folder on the way to `path` that the account cannot enter, or None if it gets there."""
    for folder in reversed((path.resolve() / "x").parents):
        if not folder.exists():
            return None  # `make_folder` will create it with the right mode
        mode = folder.stat()
        if mode.st_uid == account.uid:
            may = mode.st_mode & stat.S_IXUSR
        elif mode.st_gid == account.gid:
            may = mode.st_mode & stat.S_IXGRP
        else:
            may = mode.st_mode & stat.S_IXOTH
        if not may:
            return folder
    return None


def make_folder(account: Account | None, path: Path) -> None:
    """Create a folder and what is missing on the way to it, enterable for the account whatever our umask."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if account is not None:
            folder.chmod(0o711)


def reachable_folder(account: Account | None, wanted: Path) -> Path:
    """Return `wanted`, or where its content is kept when the account cannot get there (the same place every time)."""
    if account is None or closed_to(account, wanted) is None:
        return wanted
    name = hashlib.sha256(os.fsencode(wanted.absolute())).hexdigest()[:12]
    return _roots_folder(account) / name


def reachable_programs(account: Account | None, programs: Path) -> Path:
    """Return `programs`, or a copy that the account can execute.

    Only a wheel in a virtual environment under a closed home needs the copy (70 MB, made once);
    system packages are open to everybody. The wheel finds its libraries two folders up, in
    `<package>.libs`, so both are copied side by side.
    """
    if account is None or closed_to(account, programs) is None:
        return programs
    installation, package = programs.parent, programs.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    stamp = f"{installation}:{installation.stat().st_mtime_ns}"
    copy = _roots_folder(account) / f"programs-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    if not copy.exists():
        half_made = Path(tempfile.mkdtemp(prefix="programs-new-", dir=copy.parent))
        shutil.copytree(installation, half_made / package.name / installation.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, half_made / libraries.name, symlinks=True)
        _open_to_everybody(half_made)
        _put_in_place(half_made, copy)
    return copy / package.name / installation.name / programs.name


def _open_to_everybody(tree: Path) -> None:
    """Let everybody read what is in a tree: the modes that were copied are those of a closed place."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))


def _put_in_place(half_made: Path, final: Path) -> None:
    try:
        half_made.rename(final)
    except OSError:
        if not final.exists():
            raise
        shutil.rmtree(half_made)  # another process was quicker; its copy is as good


def _roots_folder(account: Account) -> Path:
    """Return a folder of root's that everybody may enter but only root may write."""
    for place in _ROOTS_PLACES:
        if closed_to(account, place) is not None:
            continue
        folder = place / "listings-embedded"
        try:
            folder.mkdir(mode=0o755, exist_ok=True)
        except OSError:
            continue  # read-only file system
        mode = folder.lstat()
        # In a folder that everybody may write, somebody else may have made it first, as a trap.
        if stat.S_ISDIR(mode.st_mode) and mode.st_uid == 0 and not mode.st_mode & 0o022:
            folder.chmod(0o755)
            return folder
    message = (
        f"PostgreSQL has to run as {account.name} here (it refuses root), and that user can reach none of "
        f"{_listed(_ROOTS_PLACES)}: start as an ordinary user, or choose a data folder that others may enter"
    )
    raise EmbeddedServerError(message)


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in paths)
