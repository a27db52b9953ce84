"""What stands in the way of uninstalling the operator is named, with the ways out."""

from __future__ import annotations

from listings_operator.uninstall import refusal


def test_nothing_left_is_no_refusal():
    assert refusal([]) == ""


def test_resources_are_named_with_the_command_that_deletes_and_the_switch_that_forces():
    said = refusal([("shop", "market"), ("shop", "other")])
    assert "2 ListingsDeployments" in said
    assert "shop/market, shop/other." in said
    assert "kubectl --namespace shop delete listingsdeployment market" in said
    assert "--set uninstall.force=true" in said


def test_many_are_counted():
    assert "and 5 more" in refusal([("shop", f"shop-{number}") for number in range(15)])
