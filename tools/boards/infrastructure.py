"""What Listings runs on: processes, hosts, the database and its sessions, the cache and Redis, background work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boards import database
from boards.panels import (
    GREEN,
    ORANGE,
    RED,
    Row,
    board,
    dial,
    lines,
    query,
    service_variables,
    value,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard


def built() -> Dashboard:
    """The dashboard."""
    return board(
        "listings-infrastructure",
        "Listings: infrastructure",
        "What Listings runs on: processes, hosts, database, cache.",
        service_variables(),
        processes(),
        hosts(),
        database.sessions(),
        database.server(),
        cache(),
        upkeep(),
    )


def processes() -> Row:
    """The instances themselves."""
    return (
        "Processes",
        (
            dial(
                "CPU Usage",
                "Cores that the busiest instance uses. CPUUsageHigh fires at 70 % of its limit, where it has one.",
                "short",
                'max(rate(process_cpu_seconds_total{job="listings"}[$__rate_interval]))',
                end=2,
                steps=((0.7, ORANGE), (0.95, RED)),
            ),
            dial(
                "Memory Usage",
                "Resident memory of the largest instance.",
                "bytes",
                'max(process_resident_memory_bytes{job="listings"})',
                end=1073741824,
                steps=((536870912, ORANGE), (858993459, RED)),
            ),
            value(
                "Memory against limit",
                "The highest share of its limit that an instance uses; nothing where there is no limit. 90 % pages.",
                "percentunit",
                'max(process_resident_memory_bytes{job="listings"} / (listings_memory_limit_bytes{job="listings"} > 0))',
                steps=((0.8, ORANGE), (0.9, RED)),
            ),
            value(
                "CPU against limit",
                "The highest share of its limit that an instance uses; nothing where there is no limit.",
                "percentunit",
                """max(rate(process_cpu_seconds_total{job="listings"}[$__rate_interval])
                    / (listings_cpu_limit_cores{job="listings"} > 0))""",
                steps=((0.7, ORANGE), (0.9, RED)),
            ),
            lines(
                "Resource Usage Over Time",
                "Cores used by each instance.",
                "short",
                query('rate(process_cpu_seconds_total{job="listings"}[$__rate_interval])', "{{instance}}"),
                width=8,
            ),
            lines(
                "Resident memory",
                "Memory of each instance.",
                "bytes",
                query('process_resident_memory_bytes{job="listings"}', "{{instance}}"),
                width=8,
            ),
            lines(
                "Event loop lag (P99)",
                "How late the event loop wakes. EventLoopLagHigh fires at 0.25 s.",
                "s",
                query(
                    """histogram_quantile(0.99, sum by (le, instance) (
                        rate(listings_event_loop_lag_seconds_bucket{job="listings"}[$__rate_interval])))""",
                    "{{instance}}",
                ),
                limit=0.25,
                width=8,
            ),
            lines(
                "Tasks",
                "asyncio tasks of each instance: one per call and per piece of background work.",
                "short",
                query('sum by (instance) (listings_tasks{job="listings"})', "{{instance}}"),
                width=8,
            ),
            lines(
                "Garbage collection (P95)",
                "Pauses of the collector, by instance.",
                "s",
                query('job:gc_duration:p95_5m{job="listings"}', "{{instance}}"),
                width=8,
            ),
            lines(
                "Open files",
                "File descriptors of each instance, sockets among them.",
                "short",
                query('process_open_fds{job="listings"}', "{{instance}}"),
                width=8,
            ),
            lines(
                "Workers",
                "Worker processes of each instance that should serve, and that do; 0 where there is one process. "
                "WorkersMissing fires after 5 minutes of too few.",
                "short",
                query('listings_workers{job="listings"}', "{{instance}} {{state}}"),
                width=8,
            ),
            lines(
                "Worker restarts (30m)",
                "Workers started again because they had died. WorkersRestarting fires above 2.",
                "short",
                query('increase(listings_worker_restarts_total{job="listings"}[30m])', "{{instance}}"),
                limit=2,
                width=8,
            ),
            lines(
                "Certificate",
                "Time until the certificate for TLS expires; nothing without TLS. CertificateExpiresSoon fires below 14 days.",
                "s",
                query(
                    """(listings_tls_certificate_expiry_timestamp_seconds{job="listings"} > 0) - time()""",
                    "{{instance}}",
                ),
                width=8,
            ),
        ),
    )


def hosts() -> Row:
    """The machines, by their node exporters."""
    return (
        "Hosts",
        (
            lines(
                "Host CPU",
                "Share of the host's processors in use.",
                "percent",
                query("instance:cpu_usage:ratio", "{{instance}}"),
                limit=70,
                width=8,
            ),
            lines(
                "Host memory",
                "Share of the host's memory in use.",
                "percent",
                query("instance:memory_usage:ratio", "{{instance}}"),
                limit=95,
                width=8,
            ),
            lines(
                "Disk usage",
                "Share of each filesystem in use. DiskSpaceLow fires when less than 15 % is free.",
                "percent",
                query("instance:disk_usage:ratio", "{{mountpoint}} on {{instance}}"),
                limit=85,
                width=8,
            ),
            lines(
                "Disk I/O",
                "Bytes read and written per second.",
                "Bps",
                query("instance:disk_io:rate5m", "{{device}} of {{instance}}"),
                width=8,
            ),
            lines(
                "Network I/O",
                "Bytes received and sent per second.",
                "Bps",
                query("instance:network_throughput:rate5m", "{{device}} of {{instance}}"),
                width=8,
            ),
            lines(
                "Exporters",
                "1 while an exporter answers. ExporterDown fires at 0.",
                "bool_yes_no",
                query(
                    'min by (job, instance) (up{job=~"node|postgres|redis|blackbox"})', "{{job}} {{instance}}"
                ),
                width=8,
            ),
        ),
    )


def cache() -> Row:
    """What instances keep, Redis, and the rate limit."""
    return (
        "Cache, Redis and rate limit",
        (
            value(
                "Redis Commands/sec",
                "Commands that Redis processes, by its exporter.",
                "ops",
                "sum(rate(redis_commands_processed_total[$__rate_interval]))",
            ),
            dial(
                "Redis Hit Ratio",
                "Share of look-ups that instances answer from what they keep; Redis keeps that true, and holds none of it.",
                "percent",
                'min(job:cache_hit_ratio:rate5m{job="listings"})',
                end=100,
                base=RED,
                steps=((50, ORANGE), (70, GREEN)),
            ),
            value(
                "Redis reachable",
                "1 while the exporter reaches Redis. RedisUnreachable fires at 0.",
                "bool_yes_no",
                "min(redis_up)",
                base=RED,
                steps=((1, GREEN),),
            ),
            value(
                "Redis memory",
                "Memory that Redis uses.",
                "bytes",
                "sum(redis_memory_used_bytes)",
            ),
            lines(
                "Redis Cache Performance",
                "Look-ups per second answered from the cache and past it.",
                "ops",
                query('sum(rate(listings_cache_hits_total{job="listings"}[$__rate_interval]))', "hits"),
                query('sum(rate(listings_cache_misses_total{job="listings"}[$__rate_interval]))', "misses"),
                width=8,
            ),
            lines(
                "Cache size",
                "Bytes of answers that each instance keeps, and how many it may.",
                "bytes",
                query('sum by (instance) (listings_cache_bytes{job="listings"})', "{{instance}}"),
                query('max(listings_cache_max_bytes{job="listings"})', "most"),
                width=8,
            ),
            lines(
                "Cache evictions",
                "Answers dropped for room per second, and keys that Redis drops. RedisEvictionsHigh fires at 100.",
                "ops",
                query(
                    'sum(rate(listings_cache_evictions_total{job="listings"}[$__rate_interval]))', "answers"
                ),
                query("sum(rate(redis_evicted_keys_total[$__rate_interval]))", "keys of Redis"),
                limit=100,
                width=8,
            ),
            lines(
                "Subscriptions",
                "1 while an instance hears of others' changes that way. CacheUnavailable fires when Redis is at 0.",
                "bool_yes_no",
                query(
                    'min by (instance, server) (listings_cache_server_up{job="listings"})',
                    "{{server}} to {{instance}}",
                ),
                width=8,
            ),
            lines(
                "Invalidations",
                "Messages about changes per second, those lost, and operations that failed.",
                "ops",
                query(
                    'sum by (direction) (rate(listings_cache_messages_total{job="listings"}[$__rate_interval]))',
                    "{{direction}}",
                ),
                query(
                    'sum(rate(listings_cache_messages_lost_total{job="listings"}[$__rate_interval]))', "lost"
                ),
                query(
                    'sum by (server) (rate(listings_cache_errors_total{job="listings"}[$__rate_interval]))',
                    "errors of {{server}}",
                ),
                width=8,
            ),
            lines(
                "Rate Limiting Activity",
                "Calls per second that were looked at, let pass and refused. RateLimitRejectionsHigh fires at 10 refusals.",
                "reqps",
                query(
                    'sum(rate(listings_rate_limit_hits_total{job="listings"}[$__rate_interval]))', "looked at"
                ),
                query(
                    'sum(rate(listings_rate_limit_allowed_total{job="listings"}[$__rate_interval]))',
                    "let pass",
                ),
                query(
                    'sum(rate(listings_rate_limit_rejected_total{job="listings"}[$__rate_interval]))',
                    "refused",
                ),
                width=8,
            ),
            lines(
                "Limits file",
                "1 while an instance can use its limits file, or has none. LimitsFileUnusable fires after 5 minutes at 0.",
                "bool_yes_no",
                query('min by (instance) (listings_rate_limit_file_ok{job="listings"})', "{{instance}}"),
                width=8,
            ),
            lines(
                "Rate Limit Decisions",
                "Judgements per second by what made them. fallback: Redis is away; recent: refused a moment ago.",
                "reqps",
                query(
                    """sum by (decided_by) (
                        rate(listings_rate_limit_decisions_total{job="listings"}[$__rate_interval]))""",
                    "{{decided_by}}",
                ),
                width=8,
            ),
            lines(
                "Rate Limit on Redis",
                "P99 of the script call that judges the calls of one tick; calls wait 20 ms for it by default.",
                "s",
                query(
                    """histogram_quantile(0.99, sum by (le) (
                        rate(listings_rate_limit_redis_duration_seconds_bucket{job="listings"}[$__rate_interval])))""",
                    "P99",
                ),
                width=8,
            ),
        ),
    )


def upkeep() -> Row:
    """Work that nobody calls for."""
    return (
        "Background work",
        (
            lines(
                "Since the last success",
                "MaintenanceStalled fires after three intervals and 5 minutes.",
                "s",
                query(
                    """time() - max by (work) (
                        listings_maintenance_last_success_timestamp_seconds{job="listings"})""",
                    "{{work}}",
                ),
            ),
            lines(
                "Interval",
                "How often each kind of work is due.",
                "s",
                query('max by (work) (listings_maintenance_interval_seconds{job="listings"})', "{{work}}"),
            ),
        ),
    )
