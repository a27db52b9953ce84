"""The key that `listings dev` signs with, and tokens of demo users."""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DEMO_USER: Final = 7
SECRET_FILE: Final = "token-secret"  # noqa: S105 - a file's name
_DAYS: Final = 30


def demo_secret(folder: Path) -> str:
    """The HS256 secret of a data folder, made the first time; only its owner may read it."""
    path = folder / SECRET_FILE
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        half_made = folder / f"{SECRET_FILE}.{os.getpid()}"
        with os.fdopen(os.open(half_made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            # Not rename: of two starts at once the first must win, or the other's tokens would be void.
            os.link(half_made, path)
        except FileExistsError:
            pass
        finally:
            half_made.unlink()
        return path.read_text().strip()


def demo_token(
    secret: str, user_id: int = DEMO_USER, *, roles: Iterable[str] = (), days: float = _DAYS
) -> str:
    """A token that the service verifies with the same secret."""
    import jwt  # noqa: PLC0415 - its cryptography takes a tenth of the time of a command that needs none

    now = int(time.time())
    claims = {
        "sub": str(user_id),
        "user_id": user_id,
        "roles": list(roles),
        "iat": now,
        "exp": now + int(days * 86400),
    }
    return jwt.encode(claims, secret, algorithm="HS256")
