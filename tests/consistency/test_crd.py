"""The schema that the API server enforces is the spec that the operator reads, and fits into a chart."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from providers.operator_world import MINIMAL, Faults, World

from listings_operator.crd import custom_resource_definition, spec_schema, status_schema
from listings_operator.fields import Part
from listings_operator.spec import ListingsSpec, read_spec
from listings_operator.vocabulary import Reason

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LARGEST = 60 * 1024


def tool():
    found = importlib.util.spec_from_file_location("crd_tool", CHECKOUT / "tools" / "crd.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def parts(model=ListingsSpec, seen=None):
    """Every class of the spec."""
    seen = {} if seen is None else seen
    seen[model.__name__] = model
    for field in model.model_fields.values():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, Part) and kind.__name__ not in seen:
                parts(kind, seen)
    return seen


def objects(schema, path="spec"):
    """Every schema in a schema, with its place."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from objects(part, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from objects(schema[inner], f"{path}[]")


KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def misfits(value, schema, path="status"):
    """What the API server would prune or refuse in a value."""
    if not isinstance(value, KINDS[schema["type"]]):
        return [f"{path}: {value!r} is no {schema['type']}"]
    found = [] if value in schema.get("enum", (value,)) else [f"{path}: {value!r}"]
    if isinstance(value, dict):
        found += [f"{path}: lacks {name}" for name in schema.get("required", ()) if name not in value]
        for name, part in value.items():
            known = schema["properties"].get(name)
            found += misfits(part, known, f"{path}.{name}") if known else [f"{path}: {name} is unknown"]
    if isinstance(value, list):
        for item in value:
            found += misfits(item, schema["items"], f"{path}[]")
        keys = [tuple(item[key] for key in schema.get("x-kubernetes-list-map-keys", ())) for item in value]
        if schema.get("x-kubernetes-list-type") == "map" and len(set(keys)) != len(keys):
            found.append(f"{path}: keys repeat")
    return found


def defaulted(value, schema):
    """What the API server makes of an object: defaults, parents first."""
    if isinstance(value, dict) and "properties" in schema:
        for name, part in schema["properties"].items():
            if name not in value and "default" in part:
                value[name] = part["default"]
            if name in value:
                value[name] = defaulted(value[name], part)
        return dict(value)
    return value


def test_the_chart_holds_what_the_spec_says():
    crd = tool()
    assert crd.FILE.read_text("utf-8") == crd.rendered(), "run tools/crd.py generate"
    assert len(crd.rendered().encode()) < LARGEST


def test_the_server_s_defaults_are_the_operator_s():
    stored = defaulted({**MINIMAL}, spec_schema())
    assert read_spec(stored) == read_spec(MINIMAL)
    written = read_spec(MINIMAL).as_written()
    assert {name for name in written if name not in stored} == set()


def test_everything_is_described():
    missing = [
        path
        for path, schema in (*objects(spec_schema()), *objects(status_schema(), "status"))
        if "description" not in schema and not path.endswith("[]")
    ]
    assert not missing


def test_the_schema_is_structural_and_bounded():
    for path, schema in objects(spec_schema()):
        assert not {"$ref", "oneOf", "allOf", "title"} & schema.keys(), path
        either = bool(schema.get("x-kubernetes-int-or-string"))
        assert ("anyOf" in schema) is either, path
        assert ("type" in schema) is not either, path
        assert "pattern" in schema or not either, path
        if schema.get("type") == "array":
            assert "maxItems" in schema, path
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, path
        if schema.get("type") == "integer":
            assert {"minimum", "maximum"} <= schema.keys(), path
        if schema.get("type") == "string" and "enum" not in schema:
            assert "maxLength" in schema, path


def test_every_rule_is_in_the_schema_and_says_what_to_do():
    rendered = [
        rule["message"]
        for _, schema in objects(spec_schema())
        for rule in schema.get("x-kubernetes-validations", ())
    ]
    of_parts = {rule.message for part in parts().values() for rule in part.rules}
    assert of_parts <= set(rendered)
    assert not any(message[0].isupper() for message in rendered), "it stands behind the name of the field"
    assert all(len(message) < 250 for message in rendered)


def test_columns_point_at_what_status_has():
    [version] = custom_resource_definition()["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    for column in version["additionalPrinterColumns"]:
        head, *path = column["jsonPath"].lstrip(".").split("[")[0].split(".")
        if head == "status":
            place = status
            for name in path:
                place = place["properties"][name]


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(migration_fails={2}),
        Faults(crashes={2}),
        Faults(no_image={2}),
        Faults(database_down=True),
    ],
)
def test_every_status_that_is_written_fits_the_schema(faults):
    world, schema = World(fields={"seed": "demo"}), status_schema()
    for version in (1, 2):
        world.version = version
        for _ in range(12):
            world.look()
            assert misfits(world.status, schema) == []
            for name in world.unfinished():
                world.run_job(name)
            world.pods_ready = world.deployment is not None
        world.faults = faults


def test_what_to_do_names_reasons_that_exist():
    page = (CHECKOUT / "docs" / "how-to" / "operator.md").read_text()
    table = page[page.index("| What is wrong") :].split("\n\n")[0].splitlines()[2:]
    named = {reason for row in table for reason in row.split("|")[2].strip().split(", ")}
    assert named <= set(Reason)
    assert {Reason.SECRET_MISSING, Reason.RULE_FILE_INVALID, Reason.SCHEMA_UNKNOWN_TO_IMAGE} <= named
