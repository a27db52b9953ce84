"""Write the schema of the values of charts/listings (`generate`), or check that it stands there (`check`).

The values are the spec of a ListingsDeployment under the same names, so their schema is the spec's: whatever Helm
would let pass, the API server would refuse a moment later, with a release half made.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from listings_operator.crd import spec_schema
from listings_operator.names import LONGEST_RESOURCE_NAME

FILE: Final = Path(__file__).resolve().parent.parent / "charts" / "listings" / "values.schema.json"

_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_OWN: Final = {
    "name": {
        "description": "Name of the resource; the release's without it.",
        "type": "string",
        "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$",
        "maxLength": LONGEST_RESOURCE_NAME,
    },
    "labels": {"description": "Labels of the resource.", **_TEXTS},
    "annotations": {"description": "Annotations of the resource.", **_TEXTS},
    "global": {"description": "Values of a parent chart; not read here.", "type": "object"},
}
# Known to the schema so that the chart itself can refuse them, and say what to do instead.
_REFUSED: Final = {
    "url": "Refused: it belongs into a Secret.",
    "password": "Refused: it belongs into a Secret.",
}


def schema() -> dict[str, Any]:
    """The whole document."""
    spec = _closed(spec_schema())
    for part in ("database", "redis"):
        found = spec["properties"][part]
        found["properties"] |= {key: {"description": text} for key, text in _REFUSED.items()}
        # A complaint of a missing reference would come before the words of the refusal.
        required = found.pop("required")
        found["if"] = {"anyOf": [{"required": [key]} for key in _REFUSED]}
        found["else"] = {"required": required}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart listings",
        "type": "object",
        "additionalProperties": False,
        "required": ["image", "database"],
        "properties": {**_OWN, **spec["properties"]},
    }


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A structural schema of Kubernetes as JSON Schema: closed by saying so, without what only Kubernetes knows."""
    result = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in schema:
        result["properties"] = {name: _closed(part) for name, part in schema["properties"].items()}
        result["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _closed(schema["additionalProperties"])
    if "items" in schema:
        result["items"] = _closed(schema["items"])
    return result


def rendered() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Exit with 1 when `check` finds another text."""
    match arguments:
        case ["generate"]:
            FILE.write_text(rendered(), "utf-8")
        case ["check"]:
            if not FILE.exists() or FILE.read_text("utf-8") != rendered():
                print(f"{FILE.name} is not what spec.py says: run tools/chart_values.py generate")
                return 1
        case _:
            print("usage: tools/chart_values.py generate|check")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
