"""Slugs: the readable part of a listing's address, made from its title.

Lower case ASCII letters, digits and hyphens. Cyrillic is spelt as its own language spells it: a title
with one of the letters that only Serbian has is read as Serbian (ш is s, as in Latin š without its
mark), any other as Russian (ш is sh). Whatever has no spelling here is dropped; a title of which
nothing is left gets a slug from its listing's uuid.
"""

# ruff: noqa: RUF001 - look-alike letters of two scripts are what this module is about

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

LONGEST: Final = 200
# Numbered slugs end in a hyphen and at most nine digits, and still keep to LONGEST.
_LONGEST_NUMBERED_STEM: Final = LONGEST - 10

# Letters that both languages spell alike, and Latin letters that do not decompose into one with a mark.
_COMMON: Final[Mapping[str, str]] = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "з": "z", "и": "i", "к": "k", "л": "l",
    "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "h",
    "đ": "dj", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "ı": "i",
}  # fmt: skip
_RUSSIAN: Final[Mapping[str, str]] = {
    "ж": "zh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ы": "y", "ь": "", "э": "e",
    "ю": "yu", "я": "ya", "ё": "e", "й": "y", "є": "e", "і": "i", "ї": "i", "ґ": "g", "ў": "u",
}  # fmt: skip
_SERBIAN: Final[Mapping[str, str]] = {
    "ђ": "dj", "ж": "z", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "ц": "c", "ч": "c", "џ": "dz", "ш": "s",
}  # fmt: skip
_ONLY_SERBIAN: Final = frozenset("ђјљњћџ")

_AS_RUSSIAN: Final = str.maketrans({**_SERBIAN, **_RUSSIAN, **_COMMON})
_AS_SERBIAN: Final = str.maketrans({**_RUSSIAN, **_SERBIAN, **_COMMON})

_MARKS: Final = re.compile(r"[\u0300-\u036f]")
_BREAKS: Final = re.compile(r"[\s_\-\u2010-\u2015]+")
_FOREIGN: Final = re.compile(r"[^a-z0-9-]")
_HYPHENS: Final = re.compile(r"-{2,}")


def slug_from(title: str) -> str:
    """The slug a title asks for, at most 200 characters; empty when it has no letter or digit to use."""
    lowered = unicodedata.normalize("NFC", title.lower())
    spelt = lowered.translate(_AS_SERBIAN if _ONLY_SERBIAN & set(lowered) else _AS_RUSSIAN)
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", spelt))
    hyphened = _HYPHENS.sub("-", _FOREIGN.sub("", _BREAKS.sub("-", plain)))
    return hyphened.strip("-")[:LONGEST].rstrip("-")


def slug_for(title: str, uuid: UUID) -> str:
    """The slug a new listing tries first: its title's, or `listing-<first part of its uuid>`."""
    return slug_from(title) or f"listing-{uuid.hex[:8]}"


def numbered_stem(slug: str) -> str:
    """What `-1`, `-2`, ... are appended to when a slug is taken."""
    return slug[:_LONGEST_NUMBERED_STEM].rstrip("-")


def last_resort(slug: str, uuid: UUID) -> str:
    """A slug that nobody else asks for: used when numbers keep being taken by others at the same time."""
    return f"{numbered_stem(slug)}-{uuid.hex[:8]}"
