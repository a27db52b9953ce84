"""Files of alerts and dashboards: every good one is taken, every bad one is told, and none takes another with it."""

from __future__ import annotations

import pytest
import yaml

from listings_operator import assets

GOOD = "groups: [{name: g, rules: [{alert: Down, expr: 'up == 0', labels: {severity: critical}}]}]"


def loaded(tmp_path, text, name="broken.yaml"):
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "board.json").write_text('{"uid": "a"}')
    (tmp_path / name).write_text(text)
    return assets.load(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("groups: [", "expected"),
        ("[]", "list of groups"),
        ("groups: []", "list of groups"),
        ("groups: [{rules: []}]", "needs a name"),
        ("groups: [{name: g}]", "list of rules"),
        ("groups: [{name: g, rules: []}, {name: g, rules: []}]", "g: stands twice"),
        ("groups: [{name: g, rules: [{expr: up}]}]", "either alert or record"),
        ("groups: [{name: g, rules: [{alert: A, record: b, expr: up}]}]", "either alert or record"),
        ("groups: [{name: g, rules: [{alert: A}]}]", "rule A: expr is missing"),
        ("groups: [{name: g, rules: [{alert: A, expr: 'sum(up'}]}]", "rule A: unclosed left parenthesis"),
        ("groups: [{name: g, rules: [{alert: A, expr: up, labels: x}]}]", "labels are a mapping"),
        ("groups: [{name: g, name: h, rules: []}]", "'name' stands twice"),
    ],
)
def test_a_rule_file_that_prometheus_would_refuse_is_told_and_left_out(tmp_path, text, why):
    found = loaded(tmp_path, text)
    assert [file.name for file in found.rules] == ["good"]
    assert [file.name for file in found.dashboards] == ["board"]
    [problem] = found.problems
    assert problem.reason == "RuleFileInvalid"
    assert why in problem.message
    assert "broken.yaml" in problem.message
    assert "\n" not in problem.message


@pytest.mark.parametrize("text", ["{", "[]", '"x"', ""])
def test_a_dashboard_that_is_no_json_object_is_told_and_left_out(tmp_path, text):
    found = loaded(tmp_path, text, "broken.json")
    assert [file.name for file in found.dashboards] == ["board"]
    assert [problem.reason for problem in found.problems] == ["DashboardInvalid"]


def test_a_file_that_fits_no_object_is_told(tmp_path):
    found = loaded(tmp_path, '{"x": "' + "a" * assets.LARGEST_FILE + '"}', "large.json")
    assert "do not fit into one object" in found.problems[0].message


def test_bytes_that_are_no_text_are_told(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    assert [problem.reason for problem in assets.load(tmp_path, tmp_path).problems] == ["RuleFileInvalid"]


def test_yaml_makes_plain_data_only_and_keeps_merges():
    assert assets.read_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}
    with pytest.raises(yaml.YAMLError):
        assets.read_yaml("!!python/object/apply:os.getcwd []")


def test_everything_that_this_release_ships_is_usable():
    found = assets.load()
    assert found.problems == ()
    assert found.rules
    assert found.dashboards


def test_without_the_folders_there_is_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path)
    monkeypatch.setattr(assets, "_CHECKOUT", tmp_path)
    assert assets.load() == assets.Assets()
    (tmp_path / "assets" / "alerts").mkdir(parents=True)
    assert assets.folder("alerts") == tmp_path / "assets" / "alerts"
