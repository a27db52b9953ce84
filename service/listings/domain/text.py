"""Texts that people typed: stripped of control characters, measured in characters.

Lengths count code points, not bytes: a Russian title may be as long as an English one.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from listings.domain.errors import invalid

# Control (Cc) characters except tab and newlines, which become blanks, and lone surrogates, which JSON can
# spell though they are no characters. Neither they nor NUL could be stored.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BLANKS: Final = re.compile(r"\s+")


def one_line(value: str) -> str:
    """A title or name: control characters dropped, runs of white space one blank, trimmed."""
    return _BLANKS.sub(" ", _CONTROL.sub("", value)).strip()


def many_lines(value: str) -> str:
    """A description: control characters dropped, line breaks and tabs kept, trimmed."""
    return _CONTROL.sub("", value).strip()


def title(value: str, *, field: str = "title", shortest: int = 3, longest: int = 255) -> str:
    """A required one-line text within its bounds; raises InvalidArgument naming the field."""
    cleaned = one_line(value)
    if len(cleaned) < shortest:
        raise invalid(field, f"{field} must have at least {shortest} characters")
    if len(cleaned) > longest:
        raise invalid(field, f"{field} must have at most {longest} characters")
    return cleaned


def bounded(value: str, *, field: str, longest: int, required: bool = False) -> str:
    """A one-line text with an upper bound; raises InvalidArgument naming the field."""
    cleaned = one_line(value)
    if required and not cleaned:
        raise invalid(field, f"{field} is required")
    if len(cleaned) > longest:
        raise invalid(field, f"{field} must have at most {longest} characters")
    return cleaned


def description(value: str, *, field: str = "description", longest: int = 5000) -> str:
    """A text of several lines with an upper bound; raises InvalidArgument naming the field."""
    cleaned = many_lines(value)
    if len(cleaned) > longest:
        raise invalid(field, f"{field} must have at most {longest} characters")
    return cleaned


_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def currency(value: str, *, field: str = "currency") -> str:
    """An ISO 4217 style code: exactly three upper-case Latin letters."""
    if not _CURRENCY.fullmatch(value):
        raise invalid(field, f"{field} must be exactly 3 upper-case letters, for example RSD")
    return value


def is_blank(value: str) -> bool:
    """Whether nothing visible is left: only white space, controls or format characters."""
    return all(unicodedata.category(c) in {"Cc", "Cf", "Zs", "Zl", "Zp"} for c in value)
