"""The provider kind drives the real `kind` command; here, a program of that name writes down what it was told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from e2e.cluster.processes import ClusterError
from e2e.providers.kind import CLUSTER, Kind

CALLS = "calls.jsonl"

# Answers as kind does: lists no cluster, and writes a kubeconfig when it creates one.
KIND = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if (here / "fails-at").exists() and (here / "fails-at").read_text() in sys.argv:
    sys.exit("no such thing")
if sys.argv[1:3] == ["create", "cluster"]:
    path = next(word.partition("=")[2] for word in sys.argv if word.startswith("--kubeconfig="))
    pathlib.Path(path).write_text(json.dumps({{
        "apiVersion": "v1", "kind": "Config", "current-context": "kind",
        "clusters": [{{"name": "kind", "cluster": {{"server": "http://127.0.0.1:1"}}}}],
        "users": [{{"name": "kind", "user": {{}}}}],
        "contexts": [{{"name": "kind", "context": {{"cluster": "kind", "user": "kind"}}}}],
    }}))
"""
SILENT = "#!/bin/sh\n"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with nothing but what a test puts there; returns the folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable in ("LISTINGS_E2E_KEEP", "LISTINGS_E2E_KIND_IMAGE", "DOCKER_HOST"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def install(folder, name, script):
    program = folder / name
    program.write_text(script)
    program.chmod(0o755)


@pytest.fixture
def installed(programs):
    install(programs, "kind", KIND.format(python=os.path.realpath("/proc/self/exe")))
    install(programs, "kubectl", SILENT)
    install(programs, "docker", SILENT)
    return programs


def calls(folder) -> list[list[str]]:
    return [json.loads(line) for line in (folder / CALLS).read_text().splitlines()]


def test_it_says_which_programs_are_missing(programs):
    assert Kind().obstacle() == "kind and kubectl not on PATH"


def test_it_says_that_no_engine_answers(programs):
    install(programs, "kind", SILENT)
    install(programs, "kubectl", SILENT)
    install(programs, "docker", "#!/bin/sh\nexit 1\n")
    assert Kind().obstacle() == "no Docker engine answers"


def test_nothing_hinders_it_where_all_is_there(installed):
    assert not Kind().obstacle()


def test_a_cluster_is_made_and_taken_away(installed):
    with Kind().open() as cluster:
        assert cluster.provider == "kind"
        assert cluster.pulls
        assert cluster.kubeconfig.is_file()
    made = [call[:3] for call in calls(installed)]
    assert made == [
        ["get", "clusters"],
        ["create", "cluster", f"--name={CLUSTER}"],
        ["delete", "cluster", f"--name={CLUSTER}"],
    ]
    assert not cluster.kubeconfig.exists()


def test_it_is_taken_away_after_a_test_that_failed(installed):
    with pytest.raises(RuntimeError, match="the test"), Kind().open():
        raise RuntimeError("the test")
    assert calls(installed)[-1][:2] == ["delete", "cluster"]


def test_it_stays_when_asked_to(installed, monkeypatch):
    monkeypatch.setenv("LISTINGS_E2E_KEEP", "1")
    with Kind().open():
        pass
    assert ["delete", "cluster"] not in [call[:2] for call in calls(installed)]


def test_the_image_of_the_node_can_be_chosen(installed, monkeypatch):
    monkeypatch.setenv("LISTINGS_E2E_KIND_IMAGE", "kindest/node:v1.34.0")
    with Kind().open():
        pass
    assert "--image=kindest/node:v1.34.0" in calls(installed)[1]


def test_images_are_loaded_into_its_nodes(installed):
    archive = Path("image.tar")
    with Kind().open() as cluster:
        cluster.load(archive)
    assert ["load", "image-archive", "image.tar", "--name", CLUSTER] in calls(installed)


def test_an_image_that_cannot_be_loaded_is_told(installed):
    (installed / "fails-at").write_text("image-archive")
    with Kind().open() as cluster, pytest.raises(ClusterError, match="no such thing"):
        cluster.load(Path("image.tar"))
