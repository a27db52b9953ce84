"""What the catalog makes of categories, whatever the tree looks like."""

from __future__ import annotations

from typing import Any

import pytest

from listings.domain.categories import Branch, Catalog, Category, CategoryNotFound, popular_limit


def category(id_: int, parent_id: int | None = None, **changes: Any) -> Category:
    return Category(
        **{
            "id": id_,
            "name": f"Name {id_}",
            "slug": f"slug-{id_}",
            "parent_id": parent_id,
            "icon": None,
            "description": None,
            "is_active": True,
            "sort_order": 0,
            "level": 0 if parent_id is None else 1,
            "has_custom_ui": False,
            "custom_ui_component": None,
            "created_at": None,
            "listing_count": 0,
            **changes,
        }
    )


def shape(branch: Branch) -> dict[str, Any]:
    return {branch.path: [shape(child) for child in branch.children]}


def test_the_tree_holds_every_descendant_with_its_full_path():
    catalog = Catalog([category(1), category(2, 1), category(3, 2), category(4, 3), category(5, 1)])
    assert shape(catalog.tree(1)) == {
        "slug-1": [
            {"slug-1/slug-2": [{"slug-1/slug-2/slug-3": [{"slug-1/slug-2/slug-3/slug-4": []}]}]},
            {"slug-1/slug-5": []},
        ]
    }


def test_the_path_of_a_subtree_begins_at_the_root():
    catalog = Catalog([category(1), category(2, 1), category(3, 2)])
    assert shape(catalog.tree(2)) == {"slug-1/slug-2": [{"slug-1/slug-2/slug-3": []}]}


def test_children_stand_by_sort_order_then_in_the_order_given():
    catalog = Catalog([category(1), category(2, 1, sort_order=2), category(3, 1), category(4, 1)])
    assert [child.category.id for child in catalog.tree(1).children] == [3, 4, 2]


def test_an_inactive_category_takes_its_descendants_out_of_the_tree():
    catalog = Catalog([category(1), category(2, 1, is_active=False), category(3, 2)])
    assert shape(catalog.tree(1)) == {"slug-1": []}


@pytest.mark.parametrize("asked", [2, 99])  # inactive; unknown
def test_no_tree_of_an_inactive_or_unknown_category(asked):
    catalog = Catalog([category(1), category(2, 1, is_active=False)])
    with pytest.raises(CategoryNotFound):
        catalog.tree(asked)


def test_an_inactive_category_is_found_by_id_but_not_listed():
    catalog = Catalog([category(1, is_active=False)])
    assert catalog.get(1).id == 1
    assert catalog.roots() == catalog.active() == catalog.popular(10) == ()


def test_a_ring_of_parents_ends():
    catalog = Catalog([category(1, 2), category(2, 1)])
    assert shape(catalog.tree(1)) == {"slug-2/slug-1": [{"slug-2/slug-1/slug-2": []}]}


def test_the_most_popular_come_first_and_names_decide_ties():
    by_name = [category(1, listing_count=1), category(2, listing_count=5), category(3, listing_count=1)]
    assert [found.id for found in Catalog(by_name).popular(2)] == [2, 1]


@pytest.mark.parametrize(("asked", "given"), [(0, 10), (-1, 10), (1, 1), (100, 100), (101, 100)])
def test_popular_limits(asked, given):
    assert popular_limit(asked) == given


def test_a_name_falls_back_where_a_language_is_missing():
    named = category(1, translations={"ru": "Машины"})
    assert named.name_in("ru") == "Машины"
    assert named.name_in("sr") == "Name 1"
