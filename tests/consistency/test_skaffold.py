"""skaffold.yaml fits Skaffold's own schema, and builds and installs what this repository has."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from listings_operator.names import KIND
from listings_operator.spec import read_spec

CHECKOUT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((CHECKOUT / "skaffold.yaml").read_text())


@pytest.fixture(scope="module")
def schema():
    version = CONFIG["apiVersion"].removeprefix("skaffold/")
    text = (CHECKOUT / "tests" / "fixtures" / "skaffold" / f"{version}.json").read_text()
    return jsonschema_rs.validator_for(json.loads(text))


def release(name):
    [found] = [each for each in CONFIG["deploy"]["helm"]["releases"] if each["name"] == name]
    return found


def nested(flat):
    """What Helm makes of `--set a.b=c`."""
    found = {}
    for path, value in flat.items():
        *parents, last = path.split(".")
        part = found
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return found


def test_it_fits_the_schema(schema):
    schema.validate(CONFIG)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda config: config["build"]["artifacts"][0]["docker"].update(stage="service"),
        lambda config: config["deploy"]["helm"]["releases"][0].pop("name"),
        lambda config: config["deploy"].update(helmm={}),
        lambda config: config["build"].update(artifact=[]),
    ],
)
def test_the_schema_would_tell(schema, spoil):
    config = copy.deepcopy(CONFIG)
    spoil(config)
    assert not schema.is_valid(config)


def test_it_builds_the_images_that_charts_and_examples_name():
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)
    built = {artifact["image"]: artifact["docker"]["target"] for artifact in CONFIG["build"]["artifacts"]}
    assert built == {"listings": "service", "listings-operator": "operator"}
    assert set(built.values()) <= set(stages)
    for each in CONFIG["deploy"]["helm"]["releases"]:
        chart = CHECKOUT / each["chartPath"]
        image = yaml.safe_load((chart / "values.yaml").read_text())["image"]["repository"]
        placeholder = image.replace("-", "_")
        assert image in built
        assert each["setValueTemplates"] == {
            "image.repository": f"{{{{.IMAGE_REPO_{placeholder}}}}}",
            "image.tag": f"{{{{.IMAGE_TAG_{placeholder}}}}}",
        }


def test_its_service_is_the_quickstart_s():
    [quickstart] = [
        document
        for document in yaml.safe_load_all((CHECKOUT / "examples" / "quickstart.yaml").read_text())
        if document["kind"] == KIND
    ]
    values = nested(release("listings")["setValues"])
    same = {"image": quickstart["spec"]["image"], "version": quickstart["spec"]["version"]}
    assert read_spec(values | same) == read_spec(quickstart["spec"])


def test_its_hook_applies_the_servers_of_the_quickstart_and_not_its_resource():
    [hook] = CONFIG["deploy"]["helm"]["hooks"]["before"]
    [selector] = [each for each in hook["host"]["command"] if each.startswith("--selector=")]
    key, _, value = selector.removeprefix("--selector=").partition("=")
    documents = yaml.safe_load_all((CHECKOUT / "examples" / "quickstart.yaml").read_text())
    left_out = {
        document["kind"] for document in documents if document["metadata"].get("labels", {}).get(key) != value
    }
    assert left_out == {KIND}
