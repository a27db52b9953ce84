"""Results for automation that sees nothing but a small file: `--report PATH` of commands that run as Kubernetes Jobs.

Kubernetes keeps the first 4096 bytes of a container's termination message, so a report is cut to whole JSON below it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST: Final = 4096
# Pending files named; their number is exact all the same.
_NAMES: Final = 20
# A message of PostgreSQL with its statement fits; what is beyond stands in the Job's log.
_LONGEST_TEXT: Final = 700

ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report", help="Also write a short result in JSON there, at most 4 KiB.", show_default=False
    ),
]


def write_report(path: Path | None, document: Mapping[str, Any]) -> None:
    """Write the result, when somebody asked for it."""
    if path is None:
        return
    short = {key: _short(value) for key, value in document.items()}
    while len(text := json.dumps(short, ensure_ascii=True)) > LARGEST and short.get("pending"):
        short["pending"] = short["pending"][:-1]
    path.write_text(text)


def failure(kind: str, message: str, remedy: str, version: int | None = None) -> dict[str, Any]:
    """A result that says what went wrong and what to do."""
    return {"ok": False, "error": {"kind": kind, "message": message, "remedy": remedy, "version": version}}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        # Escaped, a character may take six bytes.
        return value if len(json.dumps(value)) <= _LONGEST_TEXT else value[: _LONGEST_TEXT // 6] + "..."
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value[:_NAMES]]
    return value
