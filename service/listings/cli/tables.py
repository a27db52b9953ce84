"""How commands print tables (`listings config`, `listings call --list`): in a pipe a row is a line for `grep` and `awk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table

# Rich takes a pipe for a terminal of 80 columns and breaks long rows.
_COLUMNS_OF_A_PIPE: Final = 400


def print_table(table: Table) -> None:
    """Print it as wide as the terminal; where nobody looks at one, whole rows without blanks at their ends."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    wide = Console(highlight=False, width=_COLUMNS_OF_A_PIPE)
    with wide.capture() as printed:
        wide.print(table)
    for line in printed.get().splitlines():
        console.print(line.rstrip(), soft_wrap=True, markup=False)
