"""The Dockerfile builds from any base, copies what the wheel is made of, and is what e2e tests build and charts run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from e2e.images import applications

CHECKOUT = Path(__file__).parents[2]
TEXT = (CHECKOUT / "Dockerfile").read_text()
# Continued lines as one, comments and empty lines left out.
LINES = [
    line
    for line in re.sub(r"\\\n\s*", " ", TEXT).splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]


def stages():
    """Name of each stage -> what it is built on, and its instructions."""
    found: dict[str, tuple[str, list[str]]] = {}
    for line in LINES:
        if started := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            found[started[2]] = (started[1], [])
        elif found:
            found[list(found)[-1]][1].append(line)
    return found


def instructions(stage):
    """Everything that leads to a stage, from its base on."""
    base, own = stages()[stage]
    return [*(instructions(base) if base in stages() else []), *own]


def arguments(stage, word):
    return [line.removeprefix(f"{word} ") for line in instructions(stage) if line.startswith(f"{word} ")]


def test_everything_is_built_on_a_base_that_can_be_chosen():
    assert LINES[0].startswith("ARG BASE_IMAGE=")
    assert len(stages()) == sum(line.startswith("FROM ") for line in LINES)
    earlier = {"${BASE_IMAGE}", "scratch"}
    for name, (base, _) in stages().items():
        assert base in earlier, name
        earlier.add(name)


@pytest.mark.parametrize("target", ["service", "operator"])
def test_what_runs_is_not_root_and_was_not_built_where_it_runs(target):
    assert arguments(target, "USER") == ["10001:10001"]
    copied = arguments(target, "COPY")
    assert copied == [f"--from={target}-build /app /app"]
    assert not [line for line in arguments(target, "RUN") if "pip" in line or "uv " in line]


def test_a_build_without_a_target_makes_the_service():
    assert list(stages())[-1] == "service"


def test_the_images_of_e2e_tests_are_these():
    assert applications.SERVICE.target == "service"
    assert applications.OPERATOR.target == "operator"
    assert applications.CHECKOUT == CHECKOUT


def test_the_operator_starts_as_its_chart_starts_it():
    [entrypoint] = arguments("operator", "ENTRYPOINT")
    chart = (CHECKOUT / "charts" / "listings-operator" / "templates" / "deployment.yaml").read_text()
    [command] = re.findall(r"command: (\[.*\])", chart)
    assert yaml.safe_load(entrypoint) == yaml.safe_load(command)


def test_everything_that_the_wheel_is_made_of_is_copied_and_nothing_else_is_sent():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {package.split("/")[0] for package in wheel["packages"]} | set(wheel["force-include"])
    needed |= {
        "pyproject.toml",
        "uv.lock",
        project["project"]["readme"],
        *project["project"]["license-files"],
    }
    copied = {name for line in arguments("source", "COPY") for name in line.split()[:-1]}
    assert copied == needed
    sent = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in sent if line.startswith("!")} == needed
    assert "*" in sent


def test_images_are_built_with_the_uv_that_made_the_lock_file():
    [version] = re.findall(r"^UV_VERSION := (\S+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"uv==(\S+)", TEXT) == [version]
