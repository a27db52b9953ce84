"""`make security` finds what it is there for, and takes a reason for an answer."""

from __future__ import annotations

import subprocess

import pytest
from providers.tools import tool

security = tool("security")

SHELL = "import subprocess\n\nsubprocess.run(input(), shell=True)"
EMPTY_BASELINE = (
    '{"version": "1.5.0", "plugins_used": [{"name": "AWSKeyDetector"}], "filters_used": [], "results": {}}'
)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository in which there is nothing to be found yet."""
    for folder in security.CODE:
        (tmp_path / folder).mkdir()
    (tmp_path / "Dockerfile").write_text("FROM scratch\nUSER 10001:10001\n")
    (tmp_path / security.BASELINE).write_text(EMPTY_BASELINE)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    monkeypatch.setattr(security, "ROOT", tmp_path)
    return tmp_path


def findings(tree) -> list[str]:
    subprocess.run(["git", "-C", tree, "add", "."], check=True)
    return [*security.unsafe_calls(), *security.secrets(), *security.dockerfile()]


def test_a_tree_without_faults_has_no_findings(tree):
    (tree / "service" / "fine.py").write_text("print(1)\n")
    assert findings(tree) == []


def test_unsafe_calls_secrets_and_a_careless_dockerfile_are_found_and_placed(tree):
    (tree / "service" / "shell.py").write_text(SHELL + "\n")
    # In two parts, or it would be found in this file.
    (tree / "notes.txt").write_text("key: AKIA" + "IOSFODNN7EXAMPLE\n")
    (tree / "Dockerfile").write_text("FROM debian\n")
    call, secret, image = findings(tree)
    assert call.startswith("service/shell.py:3: B602")
    assert secret.startswith("notes.txt:1: AWS Access Key")
    assert image.startswith("Dockerfile:1")


def test_a_reason_beside_the_call_explains_it(tree):
    (tree / "service" / "shell.py").write_text(SHELL + "  # noqa: S602 - the user's own shell\n")
    assert findings(tree) == []


def test_an_excuse_without_a_reason_or_for_another_rule_explains_nothing(tree):
    (tree / "service" / "one.py").write_text(SHELL + "  # noqa: S602\n")
    (tree / "service" / "two.py").write_text(SHELL + "  # noqa: S608 - no SQL here\n")
    assert len(findings(tree)) == 2


def test_an_example_that_is_known_may_move_and_the_list_stays_as_it_was_reviewed(tree):
    notes, baseline = tree / "notes.txt", tree / security.BASELINE
    notes.write_text("key: AKIA" + "IOSFODNN7EXAMPLE\n")
    listed = security.run("detect-secrets", "scan", "--all-files", str(notes)).stdout
    reviewed = listed.replace(str(notes), "notes.txt")
    baseline.write_text(reviewed)
    notes.write_text("A line above it.\n" + notes.read_text())
    assert findings(tree) == []
    assert baseline.read_text() == reviewed
