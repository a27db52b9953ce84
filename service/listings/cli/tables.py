"""Where commands print tables (`listings config`, `listings call --list`): a row is a line for `grep` and `awk`."""

from __future__ import annotations

from typing import Final

from rich.console import Console

# Rich takes a pipe for a terminal of 80 columns and breaks long rows.
_COLUMNS_OF_A_PIPE: Final = 400


def table_console() -> Console:
    """A console of the terminal's width, or wide enough for whole rows where nobody looks at a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_COLUMNS_OF_A_PIPE)
