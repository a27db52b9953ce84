"""What people do with Listings: listings, stock, views, searches, and the index that searches read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boards.panels import (
    GREEN,
    ORANGE,
    RED,
    Row,
    board,
    dial,
    distribution,
    levels,
    lines,
    query,
    rows,
    service_variables,
    shares,
    value,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard


def built() -> Dashboard:
    """The dashboard."""
    return board(
        "listings-business-metrics",
        "Listings: business metrics",
        "What people do with Listings.",
        service_variables(),
        listings(),
        stock(),
        views_and_searches(),
        index(),
    )


def listings() -> Row:
    """Listings made, changed and taken away."""
    return (
        "Listings",
        (
            *(
                value(
                    f"Listings {what.title()} (24h)",
                    f"Listings {what} in the last day.",
                    "short",
                    f'sum(increase(listings_listings_{what}_total{{job="listings"}}[24h]))',
                    width=4,
                )
                for what in ("created", "updated", "deleted", "expired")
            ),
            value(
                "Active listings",
                "Listings on offer now.",
                "short",
                'max(business:listings_active:current{job="listings"})',
                base=RED,
                steps=((1, GREEN),),
                width=8,
            ),
            lines(
                "Listing Operations Rate",
                "Listings made, changed and taken away per second.",
                "ops",
                *(
                    query(
                        f'sum(rate(listings_listings_{what}_total{{job="listings"}}[$__rate_interval]))', what
                    )
                    for what in ("created", "updated", "deleted")
                ),
            ),
            shares(
                "Listings by status",
                "All listings that are not deleted, by their status.",
                "short",
                'max by (status) (listings_by_status{job="listings"})',
                "{{status}}",
            ),
        ),
    )


def stock() -> Row:
    """What is left, and who takes it."""
    return (
        "Stock",
        (
            value(
                "Total Stock Operations (24h)",
                "Stock requests of the last day: checks, decrements, rollbacks, updates and movements.",
                "short",
                'sum(increase(listings_inventory_stock_operations_total{job="listings"}[24h]))',
            ),
            value(
                "Out of Stock Products",
                "Active products of which none is left.",
                "short",
                'max(listings_inventory_out_of_stock_products{job="listings"})',
            ),
            value(
                "Stock that is not the sum of its movements",
                "Items whose stock and history differ. LedgerDrift fires above 0.",
                "short",
                'max(listings_ledger_drift_items{job="listings"})',
                steps=((1, RED),),
            ),
            value(
                "Rollbacks of unknown orders (24h)",
                "Rollbacks for orders that were never seen to take stock.",
                "short",
                'sum(increase(listings_stock_rollbacks_unseen_total{job="listings"}[24h]))',
                steps=((1, ORANGE),),
            ),
            *(
                lines(
                    title,
                    description,
                    "ops",
                    query(
                        f"""sum by (status) (
                            rate(listings_inventory_stock_operations_total{{job="listings",operation="{operation}"}}[5m]))""",
                        "{{status}}",
                    ),
                    width=8,
                )
                for title, description, operation in (
                    (
                        "Stock checks",
                        "Requests that ask whether stock suffices, per second, by outcome.",
                        "check",
                    ),
                    (
                        "Stock decrements",
                        "Requests that take stock for an order, per second, by outcome.",
                        "decrement",
                    ),
                    ("Stock rollbacks", "Requests that give stock back, per second, by outcome.", "rollback"),
                )
            ),
            shares(
                "Inventory Movements by Type",
                "Movements recorded in the last day.",
                "short",
                'sum by (movement_type) (increase(listings_inventory_movements_recorded_total{job="listings"}[24h]))',
                "{{movement_type}}",
                width=8,
            ),
            lines(
                "Movements refused",
                "Movements that were not recorded, per second, by reason.",
                "ops",
                query(
                    'sum by (reason) (rate(listings_inventory_movements_errors_total{job="listings"}[$__rate_interval]))',
                    "{{reason}}",
                ),
                width=8,
            ),
            levels(
                "Low Stock Alerts by Product",
                "How often the stock of a product fell to its low mark in the last day.",
                "short",
                # A product's series begins with its first fall, of which `increase` knows nothing.
                """topk(10, sum by (product_id) (
                    (listings_inventory_stock_low_threshold_reached_total{job="listings"}
                        unless listings_inventory_stock_low_threshold_reached_total{job="listings"} offset 24h)
                    or increase(listings_inventory_stock_low_threshold_reached_total{job="listings"}[24h])) > 0)""",
                "product {{product_id}}",
                width=8,
            ),
            levels(
                "Stock value",
                "Quantity times price, by storefront, the ten highest.",
                "short",
                'topk(10, sum by (storefront_id) (max by (storefront_id, product_id) (listings_inventory_stock_value{job="listings"})))',
                "storefront {{storefront_id}}",
                width=24,
            ),
        ),
    )


def views_and_searches() -> Row:
    """What is looked at and looked for."""
    return (
        "Views and searches",
        (
            value(
                "Total Product Views (24h)",
                "Views counted in the last day.",
                "short",
                'sum(increase(listings_inventory_product_views_total{job="listings"}[24h]))',
                width=8,
            ),
            value(
                "Views not counted (24h)",
                "Views whose counting failed in the last day.",
                "short",
                'sum(increase(listings_inventory_product_views_errors_total{job="listings"}[24h]))',
                steps=((1, ORANGE),),
                width=8,
            ),
            value(
                "Search Queries (24h)",
                "Searches of the last day.",
                "short",
                'sum(increase(listings_listings_searched_total{job="listings"}[24h]))',
                width=8,
            ),
            rows(
                "Top 10 Most Viewed Products",
                "Of the last day. What is not among the 50 most viewed counts as `other`.",
                "short",
                'topk(10, sum by (product_id) (increase(listings_inventory_product_views_total{job="listings"}[24h])))',
            ),
            lines(
                "Search Rate",
                "Searches per second, by what they found.",
                "reqps",
                query(
                    'sum by (outcome) (rate(listings_search_queries_total{job="listings"}[$__rate_interval]))',
                    "{{outcome}}",
                ),
            ),
            dial(
                "Cache Hit Ratio",
                "Share of look-ups answered from the cache. CacheHitRatioLow fires below 70 %.",
                "percent",
                'min(job:cache_hit_ratio:rate5m{job="listings"})',
                end=100,
                base=RED,
                steps=((50, ORANGE), (70, GREEN)),
                width=4,
            ),
            lines(
                "Cache Hits vs Misses",
                "Look-ups per second, by what is looked up.",
                "ops",
                query(
                    'sum by (cache_type) (rate(listings_cache_hits_total{job="listings"}[$__rate_interval]))',
                    "{{cache_type}} hits",
                ),
                query(
                    'sum by (cache_type) (rate(listings_cache_misses_total{job="listings"}[$__rate_interval]))',
                    "{{cache_type}} misses",
                ),
                width=8,
            ),
            lines(
                "Search latency (P95)",
                "Time of searches.",
                "s",
                query(
                    """histogram_quantile(0.95, sum by (le) (
                        rate(listings_search_duration_seconds_bucket{job="listings"}[$__rate_interval])))""",
                    "P95",
                ),
                width=6,
            ),
            lines(
                "Search lacks something",
                "1 while search lacks something in the database, mostly pg_trgm; /health names it.",
                "bool_yes_no",
                query('max(listings_search_degraded{job="listings"})', "degraded"),
                width=6,
            ),
        ),
    )


def index() -> Row:
    """Changes on their way to a search index."""
    return (
        "Search index",
        (
            value(
                "Indexing Queue Size",
                "Changes that wait for the index.",
                "short",
                'max(listings_indexing_queue_size{job="listings"})',
                width=8,
            ),
            value(
                "Oldest change in the queue",
                "How far the index is behind. IndexLagHigh fires at 60 s where somebody takes rows from the queue.",
                "s",
                'max(listings_indexing_queue_oldest_seconds{job="listings"})',
                steps=((60, ORANGE), (600, RED)),
                width=8,
            ),
            value(
                "Failed index jobs in the queue",
                "Changes that were given up. IndexingJobsFailed fires after 15 minutes with one.",
                "short",
                'max(listings_indexing_queue_failed{job="listings"})',
                steps=((1, ORANGE),),
                width=8,
            ),
            lines(
                "Indexing Jobs Processed",
                "Changes brought to the index per second, by outcome.",
                "ops",
                query(
                    """sum by (operation, status) (
                        rate(listings_indexing_jobs_processed_total{job="listings"}[$__rate_interval]))""",
                    "{{operation}} {{status}}",
                ),
            ),
            distribution(
                "Indexing Job Duration Distribution",
                "Jobs of the last hour by the time they took.",
                "s",
                'sum by (le) (increase(listings_indexing_job_duration_seconds_bucket{job="listings"}[1h]))',
            ),
        ),
    )
