"""The areas of branch coverage name files that exist, and tell one that is below its bound."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SOURCES = [
    path.relative_to(CHECKOUT).as_posix()
    for folder in ("service", "operator")
    for path in (CHECKOUT / folder).rglob("*.py")
]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("coverage_areas", CHECKOUT / "tools/coverage_areas.py")
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_area_holds_files(tool):
    for area in tool.AREAS:
        assert any(area.holds(path) for path in SOURCES), area.name


def test_areas_hold_their_modules_in_every_layer(tool):
    _, products, stock, operator = tool.AREAS
    held = {area: {path for path in SOURCES if area.holds(path)} for area in (products, stock, operator)}

    assert {"domain", "usecases", "db", "transport"} <= {path.split("/")[2] for path in held[products]}
    assert {"domain", "usecases", "db", "transport"} <= {path.split("/")[2] for path in held[stock]}
    assert "operator/listings_operator/steps/rollout.py" in held[operator]
    assert not held[products] & held[stock]


def test_an_area_below_its_bound_is_told(tool):
    path = "service/listings/usecases/stock.py"

    def of_stock(covered: int):
        found = tool.figures({path: {"num_branches": 100, "covered_branches": covered}})
        return next(figure for figure in found if figure.area.name == "stock")

    assert of_stock(95).is_enough
    assert not of_stock(94).is_enough
    assert "below" in tool.table([of_stock(94)])


def test_an_area_without_files_is_not_covered(tool):
    assert not any(figure.is_enough for figure in tool.figures({}))
