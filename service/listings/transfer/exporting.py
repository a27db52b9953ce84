"""Exports: a storefront's products as the records that an import reads."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from listings.transfer.records import FIELDS, Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from listings.domain.products import Product


def encoder(form: Format) -> tuple[bytes, Callable[[Iterable[Product]], bytes]]:
    """What a file begins with, and how products are written into it."""
    return (b"", _ndjson) if form is Format.NDJSON else (_csv_rows([FIELDS]), _csv)


def _ndjson(products: Iterable[Product]) -> bytes:
    lines = (json.dumps(_record(product), ensure_ascii=False) for product in products)
    return "".join(f"{line}\n" for line in lines).encode()


def _csv(products: Iterable[Product]) -> bytes:
    return _csv_rows([_cell(record.get(name)) for name in FIELDS] for record in map(_record, products))


def _csv_rows(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _record(product: Product) -> dict[str, Any]:
    """A product's fields as they are imported again; absent ones are left out."""
    values = {name: getattr(product, name) for name in FIELDS}
    for name in ("price", "individual_latitude", "individual_longitude"):
        values[name] = float(values[name]) if values[name] is not None else None
    return {name: value for name, value in values.items() if value is not None}
