"""Console examples in documentation: commands after `$ `, and the output they promise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Example:
    """One command and what it prints."""

    command: str
    output: str


def blocks(page: Path) -> Iterator[list[Example]]:
    """The examples of each ```console block; those of one block share a shell."""
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        examples = []
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            examples.append(Example(command, output))
        yield examples
