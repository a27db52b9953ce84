"""The one error of this package, and the translation of a server's log into a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path


class EmbeddedServerError(Exception):
    """A private server could not be started or stopped. The text is for people and names the remedy."""


_DISK_FULL: Final = "the disk is full: free some space there, then start again"
# The first match wins, so the narrower phrase stands first. Servers run with LC_ALL=C, their texts are English.
_REMEDIES: Final = (
    (
        "could not map anonymous shared memory",
        "there is too little memory for PostgreSQL: free some, or lower shared_buffers",
    ),
    ("No space left on device", _DISK_FULL),
    ("Check free disk space", _DISK_FULL),
    ("Address already in use", "the port is taken: choose another one, or none to use a free one"),
    (
        "database files are incompatible with server",
        "the data was written by another version of PostgreSQL: install that one, or remove a folder of no value",
    ),
    (
        "lock file",
        "another PostgreSQL that was not started from here runs on this folder: stop it first",
    ),
    ("invalid value for parameter", "an option given to the server is wrong: see the line below"),
    ("unrecognized configuration parameter", "an option given to the server is unknown: see the line below"),
    ("Permission denied", "the server may not read or write one of its files: see the line below"),
    (
        "could not locate a valid checkpoint record",
        "the data is damaged: restore a copy, or remove a folder of no value",
    ),
)
_TAIL_BYTES: Final = 16_384
_TAIL_LINES: Final = 8


def explain(what: str, text: str) -> str:
    """Say in words why `what` failed, from what the server wrote, and show its last lines."""
    remedy = next((remedy for phrase, remedy in _REMEDIES if phrase in text), "the server says why below")
    tail = "\n".join(f"    {line}" for line in text.strip().splitlines()[-_TAIL_LINES:])
    return f"{what}: {remedy}\n{tail or '    (it wrote nothing)'}"


def tail(log: Path) -> str:
    """Return the end of a log file, or nothing where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
