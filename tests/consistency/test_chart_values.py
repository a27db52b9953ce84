"""The values of the service's chart are the spec: the same fields, the same defaults, the same limits."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from listings_operator.crd import spec_schema

CHECKOUT = Path(__file__).parents[2]
CHARTS = CHECKOUT / "charts"
VALUES = CHARTS / "listings" / "values.yaml"


@pytest.fixture(scope="module")
def tool():
    found = importlib.util.spec_from_file_location("chart_values", CHECKOUT / "tools" / "chart_values.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def fields(schema, path=()):
    """Every field of the spec that has no fields of its own, with its schema."""
    for name, part in schema["properties"].items():
        if "properties" in part:
            yield from fields(part, (*path, name))
        else:
            yield (*path, name), part


def at(values, path):
    for name in path:
        values = values[name]
    return values


def test_the_schema_is_what_the_spec_says(tool):
    assert tool.FILE.read_text("utf-8") == tool.rendered(), "run tools/chart_values.py generate"


def test_every_default_of_the_spec_stands_in_the_values():
    values = yaml.safe_load(VALUES.read_text())
    compared = 0
    for path, part in fields(spec_schema()):
        if path[0] in ("autoscaling", "redis", "tls") or "default" not in part:
            continue
        compared += 1
        assert at(values, path) == part["default"], ".".join(path)
    assert compared > 30


def test_every_field_without_a_default_is_explained_in_a_comment_or_set():
    text = VALUES.read_text()
    for path, _ in fields(spec_schema()):
        # Amounts of CPU and memory stand under both requests and limits; one of them is enough.
        assert f"{path[-1]}:" in text, ".".join(path)


def test_every_value_is_of_the_spec_or_of_the_resource_itself():
    values = yaml.safe_load(VALUES.read_text())
    assert values.keys() - spec_schema()["properties"].keys() == {"labels", "annotations"}


@pytest.mark.parametrize("chart", ["listings", "listings-operator"])
def test_the_schema_of_values_is_closed_everywhere(chart):
    def open_objects(schema, path):
        if isinstance(schema, dict):
            # A parent chart's `global` is its own business; maps say of what they are maps.
            if schema.get("type") == "object" and path[-1:] != ("global",):
                closed = schema.get("additionalProperties")
                if closed is not False and not isinstance(closed, dict):
                    yield "/".join(path)
            for key, part in schema.items():
                yield from open_objects(part, (*path, key))

    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
    assert list(open_objects(schema, ())) == []
