"""The scenarios of stock and products are counted: none gets lost, and each group keeps its number.

A scenario is one test function of a named group; `pytest -v` on the file shows them one per line.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).parents[2]

# File below tests/integration: scenarios by group, in the order in which they stand in the file.
SCENARIOS = {
    "stock/test_check.py": {"TestCore": 8, "TestValidation": 3, "TestVariants": 2, "TestLoad": 3, "TestIntegrity": 1},
    "stock/test_decrement.py": {
        "TestHappyPath": 4, "TestErrors": 6, "TestConcurrency": 3, "TestTransactions": 2, "TestLoad": 3,
    },
    "stock/test_rollback.py": {
        "TestHappyPath": 3, "TestOnce": 3, "TestErrors": 4, "TestSaga": 1, "TestLoad": 1, "TestVariants": 1,
    },
    "stock/test_workflows.py": {"": 6},
}  # fmt: skip
AT_LEAST = {
    "products/test_create.py": 5,
    "products/test_update.py": 6,
    "products/test_delete.py": 4,
    "products/test_read.py": 3,
    "products/test_list.py": 4,
}
FIXTURES = {"check_stock": (57, 6), "decrement_stock": (58, 3)}


def groups_of(file: str) -> dict[str, int]:
    """Test functions by class ("" outside of any); a parametrized one is not one scenario but many."""
    counted: dict[str, int] = {}
    module = ast.parse((TESTS / "integration" / file).read_text())
    for group in [module, *(node for node in module.body if isinstance(node, ast.ClassDef))]:
        name = group.name if isinstance(group, ast.ClassDef) else ""
        for node in group.body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_"):
                counted[name] = counted.get(name, 0) + 1
    return counted


@pytest.mark.parametrize("file", SCENARIOS)
def test_each_group_has_its_scenarios(file):
    assert groups_of(file) == SCENARIOS[file]
    assert "parametrize" not in (TESTS / "integration" / file).read_text()


@pytest.mark.parametrize("file", AT_LEAST)
def test_products_have_theirs_and_more(file):
    assert sum(groups_of(file).values()) >= AT_LEAST[file]


@pytest.mark.parametrize("name", FIXTURES)
def test_the_fixtures_have_their_sizes(name):
    fixture = yaml.safe_load((TESTS / "fixtures" / f"{name}.yaml").read_text())
    products = sum(row.get("count", 1) for row in fixture["products"])
    assert (products, len(fixture["variants"])) == FIXTURES[name]
