"""What stands in the way of uninstalling the operator is named, with the ways out."""

from __future__ import annotations

from listings_operator.uninstall import Release, refusal

RELEASE = Release("ops", "listings-operator", "3")


def test_nothing_left_is_no_refusal():
    assert refusal([], RELEASE) == ""


def test_resources_are_named_with_the_commands_that_delete_force_and_stay():
    said = refusal([("shop", "market"), ("shop", "other")], RELEASE)
    assert "2 ListingsDeployments" in said
    assert "shop/market, shop/other." in said
    assert "kubectl --namespace shop delete listingsdeployment market" in said
    assert "helm --namespace ops uninstall listings-operator --no-hooks" in said
    assert "helm --namespace ops rollback listings-operator 3" in said


def test_many_are_counted():
    assert "and 5 more" in refusal([("shop", f"shop-{number}") for number in range(15)], RELEASE)
