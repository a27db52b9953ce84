"""The catalog that benchmarks and performance checks run on is one that the service could have written."""

from __future__ import annotations

from providers.big_catalog import seed
from providers.stock import Shop


async def test_the_big_catalog_has_its_stock_in_the_ledger(service):
    await seed(service.dsn, listings=60, categories=3, products=20, storefronts=2, images_per_listing=1)
    shop = Shop(service.connections)
    assert len(await shop.query("SELECT FROM listings WHERE source_type = 'b2c' AND quantity > 0")) == 20
    await shop.prove()
