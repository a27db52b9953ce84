"""Configuration files of running processes: written only when they differ, for some watch theirs.

kube-proxy ends when its file is written, whatever is in it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def put(file: Path, text: str, *, mode: int = 0o644) -> Path:
    """Make a file hold a text; one that does stays untouched."""
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=mode)
        file.write_text(text)
    return file
