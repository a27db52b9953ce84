"""Free structures that sellers attach: attributes, variant attributes, dimensions.

Any JSON is welcome, except what PostgreSQL's jsonb cannot hold: numbers that are not finite and control
characters. The first is refused, the second dropped, as in every other text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from listings.domain import text
from listings.domain.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping


def attributes(value: Mapping[str, Any], *, field: str = "attributes") -> dict[str, Any]:
    """A structure as it can be stored; raises InvalidArgument naming the field and the path in it."""
    return {text.many_lines(key): _storable(part, f"{field}.{key}") for key, part in value.items()}


def _storable(value: Any, path: str) -> Any:
    if isinstance(value, str):
        return text.many_lines(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise invalid(path, f"{path} must be a finite number")
    if isinstance(value, dict):
        return attributes(value, field=path)
    if isinstance(value, list):
        return [_storable(part, f"{path}[{index}]") for index, part in enumerate(value)]
    return value
