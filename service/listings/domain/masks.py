"""Field masks: which of the fields that a request carries are to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from listings.domain.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

V = TypeVar("V")


def chosen(present: Mapping[str, V], paths: Iterable[str], *, writable: AbstractSet[str]) -> dict[str, V]:
    """The fields to write: without paths all that are present, else those of them that a path names.

    A path whose field is absent changes nothing: clients send masks that name every field of a form.
    Raises InvalidArgument for a path that is no writable field.
    """
    wanted = list(paths)
    for path in wanted:
        if path not in writable:
            known = ", ".join(sorted(writable))
            raise invalid(
                "update_mask", f"update_mask path {path!r} is no field to write; the fields are: {known}"
            )
    return dict(present) if not wanted else {name: present[name] for name in present if name in set(wanted)}
