"""What a batch costs the database: statements are counted, since their number must not grow with the batch."""

from __future__ import annotations

import pytest

from listings.v1 import listings_pb2 as pb

# Health checks and cache messages run when they will.
WRITTEN = {"products", "variants", "inventory", "indexing"}


@pytest.fixture
async def statements(service):
    """Count the statements that a call runs."""
    await service.first_rounds()

    def total() -> float:
        families = service.app.metrics.registry.collect()
        return sum(
            sample.value
            for family in families
            if family.name == "listings_db_queries"
            for sample in family.samples
            if sample.name.endswith("_total") and sample.labels["operation"].partition(".")[0] in WRITTEN
        )

    async def of(call) -> float:
        before = total()
        await call
        return total() - before

    return of


def all_bad_and_good(shop, size: int) -> list[pb.ProductInput]:
    """Half new, a quarter of one SKU, a quarter of no category; all of one name."""
    kinds = ({}, {}, {"sku": "SAME"}, {"category_id": 2**40})
    return [shop.item(stock_quantity=1, **kinds[n % 4]) for n in range(size)]


async def test_creating_costs_as_many_statements_for_ten_as_for_five_hundred(shop, statements):
    few = await statements(shop.bulk_create(all_bad_and_good(shop, 10)))
    many = await statements(shop.bulk_create(all_bad_and_good(shop, 500)))
    assert 0 < many <= few <= 8


async def test_updating_and_deleting_cost_as_many_statements_for_ten_as_for_five_hundred(shop, statements):
    products = (await shop.bulk_create([shop.item(sku=f"C-{n}") for n in range(510)])).products

    def update(some):
        items = [
            pb.ProductUpdateInput(product_id=p.id, sku=f"{p.sku}-new", category_id=shop.category)
            for p in some
        ]
        return shop.stub.BulkUpdateProducts(
            pb.BulkUpdateProductsRequest(storefront_id=shop.storefront, updates=items)
        )

    def delete(some, *, hard):
        ids = [product.id for product in some]
        return shop.stub.BulkDeleteProducts(
            pb.BulkDeleteProductsRequest(storefront_id=shop.storefront, product_ids=ids, hard_delete=hard)
        )

    few, many = products[:10], products[10:]
    assert await statements(update(few)) == await statements(update(many)) <= 6
    assert await statements(delete(few, hard=False)) == await statements(delete(many, hard=False)) <= 4
    assert await statements(delete(few, hard=True)) == await statements(delete(many, hard=True)) <= 4


async def test_a_product_with_variants_costs_one_statement_and_then_none(shop, statements):
    product = await shop.create(has_variants=True)
    for _ in range(3):
        await shop.add_variant(product.id)
    assert await statements(shop.get(product.id)) == 1
    # At once after one another: on a busy machine the answer's two seconds may be over now and then.
    assert 0 in [await statements(shop.get(product.id)) for _ in range(3)]
