"""The reference page of the ListingsDeployment, from the classes that define it; `tools/reference.py` writes it.

Everything on it is read from what the API server is given and what status is made of, so a field, a rule or a reason
cannot exist without standing there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from listings_operator import names
from listings_operator.crd import custom_resource_definition
from listings_operator.vocabulary import ConditionType, Phase, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, Any]
# Types of a text that may also be written as a number.
_EITHER: Final = "text or number"
_TYPES: Final = {"integer": "integer", "boolean": "true or false", "string": "text"}


def page(made: str) -> Iterator[str]:
    """The page, line by line; `made` says that it is generated."""
    crd = custom_resource_definition()["spec"]
    [version] = crd["versions"]
    root = version["schema"]["openAPIV3Schema"]
    spec, status = root["properties"]["spec"], root["properties"]["status"]
    yield made
    yield ""
    yield f"# {names.KIND}"
    yield ""
    yield f"`{names.API_VERSION}`, short name `{crd['names']['shortNames'][0]}`. {root['description']}"
    yield "How to use it: [Run it on Kubernetes](../how-to/operator.md)."
    yield from _fields_of(spec)
    yield from _rules_of(root)
    yield from _status_of(status)
    yield from _words()
    yield from _columns_of(version)


def _fields_of(spec: Schema) -> Iterator[str]:
    yield ""
    yield "## spec"
    yield ""
    yield "Fields without a default and not required are absent unless they are set. Unknown fields are refused."
    for name, part in spec["properties"].items():
        if "properties" not in part:
            continue
        yield ""
        yield f"### {name}"
        yield ""
        yield f"{part['description']}{_required(name, spec)}"
        yield ""
        yield from _table(part, name)
    yield ""
    yield "### The others"
    yield ""
    yield from _table(
        {
            **spec,
            "properties": {
                name: part for name, part in spec["properties"].items() if "properties" not in part
            },
        },
        "",
    )


def _table(schema: Schema, path: str) -> Iterator[str]:
    yield "| Field | Type | Default | Meaning |"
    yield "|---|---|---|---|"
    for place, part, parent, default in _walk(schema, path, schema.get("default", {})):
        meaning = f"{part['description']}{_required(place.rsplit('.', 1)[-1], parent)}"
        yield f"| `{place}` | {_type(part)} | {_default(default)} | {_cell(meaning)} |"


def _walk(schema: Schema, path: str, default: Any) -> Iterator[tuple[str, Schema, Schema, Any]]:
    for name, part in schema["properties"].items():
        place = f"{path}.{name}" if path else name
        given = default.get(name) if isinstance(default, dict) else None
        value = part.get("default", given)
        if "properties" in part:
            yield from _walk(part, place, value)
            continue
        yield place, part, schema, given if value is None else value
        items = part.get("items", {})
        if "properties" in items:
            yield from _walk(items, f"{place}[]", None)


def _rules_of(root: Schema) -> Iterator[str]:
    yield ""
    yield "## Rules"
    yield ""
    yield "Checked by the API server when a resource is written; it answers with the text on the right."
    yield ""
    yield "| Where | Rule (CEL) | What it says |"
    yield "|---|---|---|"
    seen = set()
    for place, schema in _objects(root, ""):
        for rule in schema.get("x-kubernetes-validations", ()):
            # One rule stands at every map of labels.
            where = "keys of labels and annotations" if "self.all(key" in rule["rule"] else f"`{place}`"
            line = f"| {where} | {_code(rule['rule'])} | {_cell(rule['message'])} |"
            if line not in seen:
                seen.add(line)
                yield line


def _status_of(status: Schema) -> Iterator[str]:
    yield ""
    yield "## status"
    yield ""
    yield f"{status['description']} Written by the operator alone."
    yield ""
    yield "| Field | Type | Meaning |"
    yield "|---|---|---|"
    for place, part, _, _ in _walk(status, "", None):
        yield f"| `{place}` | {_type(part)} | {_cell(part['description'])} |"


def _words() -> Iterator[str]:
    for title, text, words in (
        ("Phases", "`status.phase`, for people.", Phase),
        (
            "Conditions",
            "`status.conditions`, all of them, always. Ready, Progressing and Stalled mean what they mean to kstatus.",
            ConditionType,
        ),
    ):
        yield from ("", f"## {title}", "", text, "", "| | Meaning |", "|---|---|")
        for word in words:
            yield f"| {word} | {_cell(word.meaning)} |"
    yield from ("", "## Reasons", "")
    yield (
        "Of conditions, of `status.reason`, and of events: an event is sent once, when a reason begins. "
        f"Retry is said by giving the annotation `{names.RETRY_ANNOTATION}` a new value."
    )
    yield from ("", "### That call for somebody", "", "| Reason | Meaning | What to do |", "|---|---|---|")
    for reason in Reason:
        if reason.is_trouble:
            yield f"| {reason} | {_cell(reason.meaning)} | {_cell(reason.remedy)} |"
    yield from ("", "### That do not", "", "| Reason | Meaning |", "|---|---|")
    for reason in Reason:
        if not reason.is_trouble:
            yield f"| {reason} | {_cell(reason.meaning)} |"


def _columns_of(version: Schema) -> Iterator[str]:
    yield from ("", "## Columns", "", "`kubectl get ld`, and with `-o wide` those marked so.", "")
    yield from ("| Column | Shows |", "|---|---|")
    for column in version["additionalPrinterColumns"]:
        wide = " (wide)" if column["priority"] else ""
        yield f"| {column['name']}{wide} | {_cell(column['description'])} |"


def _objects(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path or "metadata", schema
    for name, part in schema.get("properties", {}).items():
        yield from _objects(part, f"{path}.{name}" if path else name)
    if isinstance(schema.get("items"), dict):
        yield from _objects(schema["items"], f"{path}[]")


def _required(name: str, parent: Mapping[str, Any]) -> str:
    return " Required." if name in parent.get("required", ()) else ""


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return _EITHER
    if schema["type"] == "integer":
        low, high = schema.get("minimum"), schema.get("maximum")
        return f"integer, {low} to {high}" if low is not None and high is not None else "integer"
    if schema["type"] == "array":
        most = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"list{most}"
    if schema["type"] == "object":
        return f"map, at most {schema['maxProperties']} keys"
    if schema.get("format") == "date-time":
        return "time"
    pattern = f", {_code(schema['pattern'])}" if "pattern" in schema else ""
    longest = f", at most {schema['maxLength']}" if "maxLength" in schema and not pattern else ""
    return _TYPES[schema["type"]] + pattern + longest


def _default(value: Any) -> str:
    if value is None or value in ({}, []):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _code(text: str) -> str:
    # A vertical bar ends a cell even between backticks; the entity is not read there, so `<code>` it is.
    if "|" not in text:
        return f"`{text}`"
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    return f"<code>{escaped}</code>"


def _cell(text: str) -> str:
    return text.replace("|", "&#124;").replace("\n", " ")
