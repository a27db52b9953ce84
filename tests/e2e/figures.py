"""The figures that stories measure, printed as tables when the tests have ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(slots=True)
class Table:
    """One story's figures."""

    title: str
    columns: Sequence[str]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *values: object) -> None:
        self.rows.append(
            tuple(f"{value:.2f}" if isinstance(value, float) else str(value) for value in values)
        )

    def lines(self) -> Iterator[str]:
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        yield self.title
        for row in (self.columns, *self.rows):
            yield (
                "  "
                + "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
            )


@dataclass(slots=True)
class Figures:
    """All tables of a run."""

    tables: list[Table] = field(default_factory=list)

    def table(self, title: str, *columns: str) -> Table:
        table = Table(title, columns)
        self.tables.append(table)
        return table


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, rank - 1)]
