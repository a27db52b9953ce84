"""Named SQL statements, read from `db/sql/<aggregate>.sql` once.

A file holds blocks that begin with `-- name: <name>`; the comment lines under it say what the
statement promises and why it locks or orders as it does. Repositories bind statements to constants
when they are imported, so a misspelt name stops the program at its start, and SQL tools can read the
files. The name travels with the text: it labels durations in metrics and slow-statement logs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

_BLOCK: Final = re.compile(r"^-- name: ([a-z0-9_]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL text and the name it is known by in metrics and logs (`listings.by_ids`)."""

    name: str
    sql: str


@cache
def statements(aggregate: str) -> dict[str, Statement]:
    """Every statement of `db/sql/<aggregate>.sql` by its short name."""
    text = (files("listings.db") / "sql" / f"{aggregate}.sql").read_text(encoding="utf-8")
    names_and_bodies = _BLOCK.split(text)[1:]
    found: dict[str, Statement] = {}
    for name, body in zip(names_and_bodies[::2], names_and_bodies[1::2], strict=True):
        if name in found:
            raise ValueError(f"{aggregate}.sql names {name!r} twice")
        found[name] = Statement(f"{aggregate}.{name}", body.strip().rstrip(";"))
    return found


def statement(aggregate: str, name: str) -> Statement:
    """One statement; raises LookupError at import time when the file has no such name."""
    try:
        return statements(aggregate)[name]
    except KeyError:
        known = ", ".join(sorted(statements(aggregate)))
        raise LookupError(f"{aggregate}.sql has no statement {name!r}; it has: {known}") from None
