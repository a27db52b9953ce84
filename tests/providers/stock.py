"""Loads a named fixture of products, and looks at what became of them.

    shop = await load_shop(connections, "decrement_stock")
    shop["plenty"], shop.variant("small")           ids
    await shop.stock("plenty")                      units on hand
    await shop.prove()                              stock is the sum of movements, for every item

The fixtures stand in tests/fixtures/<name>.yaml; each product and variant begins with an `opening` movement.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from providers.catalog import insert

from listings.db.inventory import InventoryRows, record
from listings.db.statements import Statement
from listings.domain.inventory import Movement, MovementType, stock_status
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from listings.db.connections import Connections
    from listings.db.session import Record

FIXTURES = Path(__file__).parents[1] / "fixtures"


@dataclass
class Shop:
    """The ids of a fixture's rows by name, and their state in the database."""

    connections: Connections
    storefronts: dict[str, int] = field(default_factory=dict)
    products: dict[str, int] = field(default_factory=dict)
    variants: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __getitem__(self, product: str) -> int:
        return self.products[product]

    def line(self, name: str, quantity: int) -> pb.StockItem:
        """A line of an order, by the name of a product or a variant."""
        if name in self.variants:
            product_id, variant_id = self.variants[name]
            return pb.StockItem(product_id=product_id, variant_id=variant_id, quantity=quantity)
        return pb.StockItem(product_id=self.products[name], quantity=quantity)

    def lines(self, **quantities: int) -> list[pb.StockItem]:
        return [self.line(name, quantity) for name, quantity in quantities.items()]

    async def row(self, name: str) -> Record:
        """quantity, sold_count, stock_status, view_count of a product or variant."""
        if name in self.variants:
            table, quantity, id_ = "product_variants", "stock_quantity", self.variants[name][1]
        else:
            table, quantity, id_ = "listings", "quantity", self.products[name]
        rows = await self.query(
            f"SELECT {quantity} AS quantity, sold_count, stock_status, view_count FROM {table} WHERE id = $1",
            id_,
        )
        return rows[0]

    async def stock(self, name: str) -> int:
        return int((await self.row(name))["quantity"])

    async def movements(self, name: str | None = None, **columns: Any) -> list[Record]:
        """Movements since the opening ones, oldest first."""
        wanted = dict(columns)
        if name in self.variants:
            wanted["listing_id"], wanted["variant_id"] = self.variants[name]
        elif name is not None:
            wanted["listing_id"] = self.products[name]
        places = [f"{column} = ${place}" for place, column in enumerate(wanted, start=1)]
        if name in self.products:
            places.append("variant_id IS NULL")
        where = " AND ".join(["movement_type <> 'opening'", *places])
        return await self.query(
            f"SELECT * FROM inventory_movements WHERE {where} ORDER BY id", *wanted.values()
        )

    async def queued(self) -> dict[int, str]:
        """Operation by product of the indexing rows that wait."""
        rows = await self.query("SELECT listing_id, operation FROM indexing_queue WHERE status = 'pending'")
        return {row["listing_id"]: row["operation"] for row in rows}

    async def prove(self) -> None:
        """Every item's deltas add up to its stock, and its movements form a chain."""
        assert await InventoryRows(self.connections).drift(most=10) == []
        broken = await self.query(
            """
            SELECT id, listing_id, variant_id, stock_before, left_by_last FROM (
                SELECT *, lag(stock_after) OVER (PARTITION BY listing_id, variant_id ORDER BY id) AS left_by_last,
                    lag(created_at) OVER (PARTITION BY listing_id, variant_id ORDER BY id) AS last_at
                FROM inventory_movements
            ) AS chain WHERE left_by_last <> stock_before OR last_at > created_at
            """
        )
        assert [dict(row) for row in broken] == []

    async def is_within(self, seconds: float, call: Callable[[int], Awaitable[Any]]) -> bool:
        """Whether one of fifty calls takes less: what it costs in a moment when nobody else uses the machine."""
        for attempt in range(50):
            started = time.perf_counter()
            await call(attempt)
            if time.perf_counter() - started < seconds:
                return True
        return False

    async def query(self, sql: str, *values: object) -> list[Record]:
        return await self.connections.fetch(Statement("test.stock", sql), *values)


async def load_shop(connections: Connections, fixture: str) -> Shop:
    """Write a fixture's rows; answers their ids by name."""
    asked = yaml.safe_load((FIXTURES / f"{fixture}.yaml").read_text())
    shop = Shop(connections)
    category = await insert(connections, "categories", name="Goods", slug="goods", level=0)
    for row in asked["storefronts"]:
        shop.storefronts[row["name"]] = await insert(
            connections, "storefronts", id=row["id"], user_id=7, slug=row["name"], name=row["name"]
        )
    openings: list[Movement] = []
    for row in asked["products"]:
        for number in range(row.get("count", 1)):
            name = f"{row['name']}_{number + 1}" if "count" in row else row["name"]
            id_, quantity = row["id"] + number, row["quantity"]
            await insert(
                connections,
                "listings",
                id=id_,
                user_id=7,
                storefront_id=shop.storefronts[row.get("storefront", "main")],
                title=f"Product {name}",
                slug=name,
                price=Decimal(str(row.get("price", 1))),
                category_id=category,
                status=row.get("status", "active"),
                source_type="b2c",
                quantity=quantity,
                stock_status=stock_status(quantity, 10),
                has_variants=row.get("has_variants", False),
                is_deleted=row.get("deleted", False),
            )
            shop.products[name] = id_
            openings.append(_opening(id_, None, quantity))
    await connections.fetch(
        Statement("test.mark", "UPDATE listings SET deleted_at = now() WHERE is_deleted RETURNING id")
    )
    for row in asked.get("variants", []):
        product_id = shop.products[row["product"]]
        await insert(
            connections,
            "product_variants",
            id=row["id"],
            product_id=product_id,
            sku=f"{row['product']}-{row['name']}",
            stock_quantity=row["quantity"],
            stock_status=stock_status(row["quantity"], row.get("threshold", 5)),
            low_stock_threshold=row.get("threshold", 5),
            is_active=row.get("is_active", True),
        )
        shop.variants[row["name"]] = (product_id, row["id"])
        openings.append(_opening(product_id, row["id"], row["quantity"]))
    async with connections.transaction() as session:
        await record(session, openings)
    return shop


def _opening(product_id: int, variant_id: int | None, quantity: int) -> Movement:
    return Movement(product_id, variant_id, MovementType.OPENING, 0, quantity, "opening")
