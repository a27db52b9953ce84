"""Who provides the cluster: the first that can, or who is named; and nobody learns of it too late."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from e2e.providers.choice import PROVIDERS, NoProvider, choose
from e2e.providers.existing import Existing


@dataclass(frozen=True)
class Stub:
    name: str
    lacks: str = ""

    def obstacle(self) -> str:
        return self.lacks

    @contextmanager
    def open(self):
        raise AssertionError("a choice opens nothing")


def test_the_first_that_can_is_chosen():
    assert choose("", [Stub("one"), Stub("two")]).provider.name == "one"


def test_who_cannot_is_passed_over_and_it_is_said_why():
    choice = choose("", [Stub("one", "it needs root"), Stub("two")])
    assert str(choice) == "cluster provider: two; not one: it needs root"


def test_who_is_named_is_chosen_though_others_could():
    assert choose("two", [Stub("one"), Stub("two")]).provider.name == "two"


def test_who_is_named_and_cannot_is_not_replaced():
    with pytest.raises(NoProvider, match="not two: no engine"):
        choose("two", [Stub("one"), Stub("two", "no engine")])


def test_a_name_that_nobody_has_is_refused_with_those_there_are():
    with pytest.raises(NoProvider, match="'three'; there are one, two"):
        choose("three", [Stub("one"), Stub("two")])


def test_when_nobody_can_all_say_why():
    with pytest.raises(NoProvider, match="not one: a; not two: b"):
        choose("", [Stub("one", "a"), Stub("two", "b")])


def test_the_order_is_local_then_kind_then_existing():
    assert [provider.name for provider in PROVIDERS] == ["local", "kind", "existing"]


def test_an_existing_cluster_is_never_used_unasked(monkeypatch, tmp_path):
    kubeconfig = tmp_path / "config"
    kubeconfig.touch()
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.delenv("LISTINGS_E2E_PROVIDER", raising=False)
    assert "asks for it" in Existing().obstacle()


def test_an_existing_cluster_needs_a_kubeconfig(monkeypatch, tmp_path):
    monkeypatch.setenv("LISTINGS_E2E_PROVIDER", "existing")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert Existing().obstacle() == "KUBECONFIG names no file"
