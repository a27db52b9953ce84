"""Rows of the dashboard infrastructure: sessions and statements as the service sees them, PostgreSQL, and the schema."""

from __future__ import annotations

from boards.panels import ORANGE, RED, Row, distribution, lines, query, rows, value


def sessions() -> Row:
    """The pool, and what statements take."""
    return (
        "Database sessions and statements",
        (
            value(
                "Database Connections (Open)",
                "Sessions that instances hold.",
                "short",
                'sum(listings_db_connections_open{job="listings"})',
            ),
            value(
                "Database Connections (Idle)",
                "Open sessions that nobody uses now.",
                "short",
                'sum(listings_db_connections_idle{job="listings"})',
            ),
            value(
                "Pool utilization",
                "Share of the sessions that are lent. 80 % is a ticket, 95 % with waiting calls a page.",
                "percent",
                'max(job:db_connection_pool:utilization{job="listings"})',
                steps=((80, ORANGE), (95, RED)),
            ),
            value(
                "Callers waiting for a session",
                "Above 0 for long: the pool is too small, or statements are too slow.",
                "short",
                'sum(listings_db_connections_waiting{job="listings"})',
                steps=((1, ORANGE), (20, RED)),
            ),
            lines(
                "Database Connection Pool",
                "Sessions lent and idle, and how many there may be.",
                "short",
                query('sum(listings_db_connections_in_use{job="listings"})', "lent"),
                query('sum(listings_db_connections_idle{job="listings"})', "idle"),
                query('sum(listings_db_connections_max{job="listings"})', "most"),
            ),
            lines(
                "Wait for a session (P95)",
                "DatabasePoolSaturation fires at 0.5 s.",
                "s",
                query('job:db_connection_wait:p95_5m{job="listings"}', "{{instance}}"),
                limit=0.5,
            ),
            distribution(
                "Database Query Duration Distribution",
                "Statements of the last hour by the time they took.",
                "s",
                'sum by (le) (increase(listings_db_query_duration_seconds_bucket{job="listings"}[1h]))',
            ),
            rows(
                "Slow Queries (P99 > 100ms)",
                "Statements, by their names in the SQL files, that are slower than 0.1 s at P99.",
                "s",
                """histogram_quantile(0.99, sum by (le, operation) (
                    rate(listings_db_query_duration_seconds_bucket{job="listings"}[1h]))) > 0.1""",
            ),
            lines(
                "Statement duration (P95)",
                "By statement. DatabaseQueryDurationHigh fires at 1 s.",
                "s",
                query(
                    """topk(10, histogram_quantile(0.95, sum by (le, operation) (
                        rate(listings_db_query_duration_seconds_bucket{job="listings"}[10m]))))""",
                    "{{operation}}",
                ),
                limit=1,
                width=8,
            ),
            lines(
                "Statements per second",
                "By statement, the ten most frequent.",
                "ops",
                query(
                    'topk(10, sum by (operation) (rate(listings_db_queries_total{job="listings"}[$__rate_interval])))',
                    "{{operation}}",
                ),
                width=8,
            ),
            lines(
                "Database errors",
                "Statements and connection attempts that failed, transactions tried again, slow statements, per second.",
                "ops",
                query(
                    'sum by (error) (rate(listings_db_errors_total{job="listings"}[$__rate_interval]))',
                    "statement: {{error}}",
                ),
                query(
                    'sum by (reason) (rate(listings_db_connection_errors_total{job="listings"}[$__rate_interval]))',
                    "connection: {{reason}}",
                ),
                query(
                    'sum(rate(listings_db_transactions_retried_total{job="listings"}[$__rate_interval]))',
                    "tried again",
                ),
                query(
                    'sum(rate(listings_db_slow_statements_total{job="listings"}[$__rate_interval]))', "slow"
                ),
                width=8,
            ),
        ),
    )


def server() -> Row:
    """PostgreSQL by its exporter, and the schema."""
    return (
        "PostgreSQL and schema",
        (
            lines(
                "PostgreSQL reachable",
                "1 while the exporter can log in. PostgresUnreachable fires at 0.",
                "bool_yes_no",
                query("min by (instance) (pg_up)", "{{instance}}"),
                width=8,
            ),
            lines(
                "Replication lag",
                "How far each standby is behind. ReplicationLagHigh fires at 30 s.",
                "s",
                query("max by (application_name) (pg_replay_lag_seconds)", "{{application_name}}"),
                limit=30,
                width=8,
            ),
            lines(
                "Sessions of PostgreSQL",
                "By state, over all databases and clients.",
                "short",
                query("sum by (state) (pg_stat_activity_count)", "{{state}}"),
                stacked=True,
                width=8,
            ),
            value(
                "Schema version",
                "The last migration that was applied.",
                "none",
                'max(listings_migration_version{job="listings"})',
                width=8,
            ),
            value(
                "Versions behind",
                "How far the schema is behind the running release. SchemaBehind fires above 0.",
                "short",
                'max(listings_migration_expected_version{job="listings"} - listings_migration_version{job="listings"})',
                steps=((1, RED),),
                width=8,
            ),
            value(
                "Migration under way or failed",
                "1 from a migration's start to its end. MigrationStuck fires after 15 minutes.",
                "bool_yes_no",
                'max(listings_migration_dirty{job="listings"})',
                steps=((1, ORANGE),),
                width=8,
            ),
        ),
    )
