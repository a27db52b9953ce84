"""Imports: records of a file become products of a storefront, a thousand per transaction.

An import needs no memory of how far it came. Each record makes its product's uuid, so whatever an earlier
run stored is found and passed over: after a kill, or to bring in the lines that were mended, the same
command is run again. For the same reason a record that stands in the file twice is one product.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import UUID

from listings.domain.bulk import value_or_error
from listings.domain.errors import InvalidArgument
from listings.domain.products import NewProduct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from listings.domain.bulk import BulkOutcome
    from listings.transfer.records import Record
    from listings.usecases.product_bulk import ProductBulk

# Large enough that round trips do not count, small enough that its locks are short and its memory a few MB.
BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that did not become a product, and why."""

    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one batch."""

    bytes_read: int
    created: int
    present: int
    rejected: tuple[Rejected, ...]


async def import_products(
    bulk: ProductBulk, storefront_id: int, records: Iterable[Record], *, batch: int = BATCH
) -> AsyncIterator[Imported]:
    """Create the products of a file in order; raises StorefrontNotFound.

    While PostgreSQL writes one batch, the next one is read and checked on another thread.
    """
    remaining = iter(records)
    coming = asyncio.create_task(asyncio.to_thread(_read, remaining, storefront_id, batch))
    while ready := await coming:
        coming = asyncio.create_task(asyncio.to_thread(_read, remaining, storefront_id, batch))
        try:
            yield await _write(bulk, storefront_id, ready)
        except BaseException:
            await asyncio.wait([coming])
            raise


@dataclass(frozen=True, slots=True)
class _Ready:
    """A record on its way: the identity of its product, and its values or what is wrong with them."""

    record: Record
    uuid: UUID
    product: NewProduct | InvalidArgument


def _read(records: Iterator[Record], storefront_id: int, most: int) -> list[_Ready]:
    return [
        _Ready(record, _identity(storefront_id, record), _product(record)) for record in islice(records, most)
    ]


def _identity(storefront_id: int, record: Record) -> UUID:
    digest = blake2b(b"%d:" % storefront_id + record.content, digest_size=16).digest()
    return UUID(bytes=digest, version=5)


def _product(record: Record) -> NewProduct | InvalidArgument:
    if isinstance(record.values, InvalidArgument):
        return record.values
    return value_or_error(lambda values: NewProduct.checked(**{**_REQUIRED, **values}), record.values)


# A record that lacks one of these is told so by its check, as an absent field of a request is.
_REQUIRED: Final = {"name": "", "price": 0.0, "currency": "", "category_id": 0}


async def _write(bulk: ProductBulk, storefront_id: int, batch: list[_Ready]) -> Imported:
    there = set(await bulk.stored([ready.uuid for ready in batch]))
    new: list[_Ready] = []
    for ready in batch:
        if ready.uuid not in there:
            new.append(ready)
            if not isinstance(ready.product, InvalidArgument):
                there.add(ready.uuid)
    outcome: BulkOutcome = await bulk.create(
        storefront_id, [ready.product for ready in new], uuids=[ready.uuid for ready in new]
    )
    return Imported(
        bytes_read=sum(len(ready.record.content) + 1 for ready in batch),
        created=len(outcome.products),
        present=len(batch) - len(new),
        rejected=tuple(
            Rejected(new[error.index].record.line, error.code, error.message) for error in outcome.errors
        ),
    )
