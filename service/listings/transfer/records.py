"""Files of products, record by record: NDJSON (one object per line) and CSV (with a header).

Nothing is read ahead: memory holds one record, whatever the size of the file. A record that cannot be
understood is still a record, with the reason in place of its values: its neighbours are not lost with it.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any, Final

from listings.domain.errors import InvalidArgument, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# The longest record that is read, in bytes: descriptions end at 5000 characters, attributes are what remains.
LONGEST_RECORD: Final = 1024 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Format(StrEnum):
    """How a file is written."""

    NDJSON = "ndjson"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Record:
    """One record: where it begins (`line` from 1), its bytes, and its values or what is wrong with it."""

    line: int
    content: bytes
    values: Mapping[str, Any] | InvalidArgument


def records_of(file: IO[bytes], form: Format) -> Iterator[Record]:
    """Every record of a file; raises InvalidArgument for a CSV header with a column nobody knows, or one twice."""
    return _ndjson(file) if form is Format.NDJSON else _csv(file)


def _ndjson(file: IO[bytes]) -> Iterator[Record]:
    for number, line in _lines(file):
        content = line.strip()
        if content:
            yield Record(number, content, _value_or_error(_object, content))


def _object(content: bytes) -> Mapping[str, Any]:
    if len(content) > LONGEST_RECORD:
        raise _too_long()
    try:
        read = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise invalid("line", f"not a JSON object: {error}") from None
    if not isinstance(read, dict):
        raise invalid("line", "not a JSON object")
    return _typed(read)


def _csv(file: IO[bytes]) -> Iterator[Record]:
    lines = _Decoded(file)
    csv.field_size_limit(
        LONGEST_RECORD
    )  # an eighth of it by default: less than an export may write into a cell
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise invalid("header", f"the header is not CSV: {error}") from None
    unknown = [name for name in header if name not in FIELDS]
    if unknown or not header:
        raise invalid(
            "header", f"unknown column {', '.join(unknown) or '(none)'}; the columns are: {_known()}"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise invalid("header", f"column {', '.join(twice)} stands there twice: which of them counts?")
    lines.take()
    while True:
        try:
            cells = next(reader)
            values = _value_or_error(lambda read: _row(header, read), cells)
        except StopIteration:
            return
        except csv.Error as error:
            values = invalid("line", f"not a CSV record: {error}")
        first, content = lines.take()
        if content:
            yield Record(first, content, values)


def _row(header: list[str], cells: list[str]) -> Mapping[str, Any]:
    if len(cells) != len(header):
        raise invalid("line", f"has {len(cells)} cells where the header has {len(header)}")
    return _typed({name: cell for name, cell in zip(header, cells, strict=True) if cell != ""})


class _Decoded:
    """The lines of a file as text for the CSV reader, which takes as many as a record has."""

    def __init__(self, file: IO[bytes]) -> None:
        self._lines = _lines(file)
        self._taken: list[bytes] = []
        self._first = 0

    def __iter__(self) -> _Decoded:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        if not self._taken:
            self._first = number
        self._taken.append(line)
        if len(line) > LONGEST_RECORD:
            raise csv.Error(_too_long().message)
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise csv.Error("not UTF-8") from None

    def take(self) -> tuple[int, bytes]:
        """Where the record that was just read begins, and its bytes."""
        taken, self._taken = b"".join(self._taken).strip(), []
        return self._first, taken


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Numbered lines; of one that is too long only as much as shows it."""
    number = 0
    while line := file.readline(LONGEST_RECORD + 2):
        number += 1
        rest = line
        while len(rest) == LONGEST_RECORD + 2 and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_RECORD + 2)
        yield number, line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line


def _too_long() -> InvalidArgument:
    return invalid("line", f"longer than {LONGEST_RECORD} bytes")


def _value_or_error(
    read: Callable[[Any], Mapping[str, Any]], source: object
) -> Mapping[str, Any] | InvalidArgument:
    try:
        return read(source)
    except InvalidArgument as error:
        return error


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the types that a new product wants; absent and null ones are left out."""
    unknown = [name for name in values if name not in FIELDS]
    if unknown:
        raise invalid(unknown[0], f"unknown field {unknown[0]!r}; the fields are: {_known()}")
    typed = {}
    for name, value in values.items():
        read = FIELDS[name]
        if read is not None and value is not None:
            try:
                typed[name] = read(value)
            except (ValueError, TypeError, OverflowError):
                raise invalid(name, f"{name} must be {_WANTED[read]}") from None
    return typed


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeError
    return int(value)


def _boolean(value: Any) -> bool:
    try:
        return _BOOLEANS[str(value).lower()]
    except KeyError:
        raise ValueError from None


_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _structure(value: Any) -> dict[str, Any]:
    read = json.loads(value) if isinstance(value, str) else value
    if not isinstance(read, dict):
        raise TypeError
    return read


_WANTED: Final[Mapping[Callable[[Any], Any], str]] = {
    _text: "a text",
    _number: "a number",
    _integer: "a whole number",
    _boolean: "true or false",
    _structure: "a JSON object",
}

# What a record may hold. `id` is written by exports for people and means nothing to an import.
FIELDS: Final[Mapping[str, Callable[[Any], Any] | None]] = {
    "id": None,
    "sku": _text,
    "name": _text,
    "description": _text,
    "price": _number,
    "currency": _text,
    "category_id": _integer,
    "barcode": _text,
    "stock_quantity": _integer,
    "is_active": _boolean,
    "attributes": _structure,
    "has_individual_location": _boolean,
    "individual_address": _text,
    "individual_latitude": _number,
    "individual_longitude": _number,
    "location_privacy": _text,
    "show_on_map": _boolean,
    "has_variants": _boolean,
}


def _known() -> str:
    return ", ".join(FIELDS)
