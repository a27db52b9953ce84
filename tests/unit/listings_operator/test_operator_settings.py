"""Settings come from LISTINGS_OPERATOR_* alone, and what cannot be used ends the process with the variable's name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from listings_operator.__main__ import main
from listings_operator.settings import Settings


@pytest.mark.parametrize(
    ("text", "namespaces"),
    [("", ()), ("shop", ("shop",)), ("one, two,,three ", ("one", "two", "three"))],
)
def test_namespaces_are_separated_by_commas(monkeypatch, text, namespaces):
    monkeypatch.setenv("LISTINGS_OPERATOR_NAMESPACES", text)
    assert Settings().namespaces == namespaces


def test_they_can_be_given_as_values():
    assert Settings(namespaces=("a", "b")).namespaces == ("a", "b")


@pytest.mark.parametrize(("name", "value"), [("WORKERS", "0"), ("LOG_LEVEL", "LOUD"), ("PORT", "99999")])
def test_values_out_of_bounds_end_the_process_and_are_named(monkeypatch, name, value):
    monkeypatch.setenv(f"LISTINGS_OPERATOR_{name}", value)
    with pytest.raises(ValidationError):
        Settings()
    with pytest.raises(SystemExit) as ended:
        main()
    assert "LISTINGS_OPERATOR_*" in str(ended.value)
    assert name.lower() in str(ended.value)


def test_every_setting_says_what_it_is_for():
    assert all(field.description for field in Settings.model_fields.values())
