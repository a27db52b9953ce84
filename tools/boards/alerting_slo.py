"""What fires, and how much of each objective is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boards.panels import (
    FAILED,
    GREEN,
    ORANGE,
    RED,
    Row,
    board,
    dial,
    lines,
    query,
    rows,
    service_variables,
    value,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

FIRING = 'ALERTS{alertstate="firing",team="platform",severity=~"critical|warning"}'
FAILED_CALLS = f'listings_grpc_requests_total{{job="listings",status=~"{FAILED}"}}'
CALLS = 'listings_grpc_requests_total{job="listings"}'


def built() -> Dashboard:
    """The dashboard."""
    return board(
        "listings-alerting-slo",
        "Listings: alerting and objectives",
        "What fires, and how much of each objective is left.",
        service_variables(),
        alerts(),
        objectives(),
        budget(),
        errors(),
    )


def alerts() -> Row:
    """What fires and what fired."""
    return (
        "Alerts",
        (
            value(
                "On-Call Status",
                "Pages that fire now.",
                "short",
                'count(ALERTS{alertstate="firing",team="platform",severity="critical"}) or vector(0)',
                steps=((1, RED),),
                width=4,
            ),
            value(
                "Tickets",
                "Warnings that fire now.",
                "short",
                'count(ALERTS{alertstate="firing",team="platform",severity="warning"}) or vector(0)',
                steps=((1, ORANGE),),
                width=4,
            ),
            value(
                "Incidents (7d)",
                "Pages that fired in the last seven days, each alert counted once.",
                "short",
                """count(count by (alertname) (
                    max_over_time(ALERTS{alertstate="firing",team="platform",severity="critical"}[7d]))) or vector(0)""",
                steps=((1, ORANGE), (5, RED)),
                width=4,
            ),
            value(
                "Alerting works",
                "DeadMansSwitch always fires; nothing here means that rules are not evaluated.",
                "bool_yes_no",
                'max(ALERTS{alertname="DeadMansSwitch",alertstate="firing"})',
                base=GREEN,
                width=4,
            ),
            value(
                "Notifications not delivered (24h)",
                "Notifications that Prometheus could not hand to Alertmanager in the last day.",
                "short",
                "sum(increase(prometheus_notifications_dropped_total[24h]))",
                steps=((1, RED),),
                width=4,
            ),
            value(
                "Incident impact (24h)",
                "Calls of the last day that failed by the service's own fault.",
                "short",
                f"sum(increase({FAILED_CALLS}[24h]))",
                steps=((1, ORANGE), (100, RED)),
                width=4,
            ),
            rows(
                "Active Alerts",
                "What fires, here and in what Listings depends on.",
                "short",
                f"sum by (alertname, severity, slo, namespace, service, instance) ({FIRING})",
            ),
            lines(
                "Alert History Timeline",
                "Series that fire, by alert.",
                "short",
                query(f"sum by (alertname) ({FIRING})", "{{alertname}}"),
                stacked=True,
            ),
        ),
    )


def objectives() -> Row:
    """How we do."""
    return (
        "Objectives",
        (
            dial(
                "Service Availability (30d SLO Target: 99.9%)",
                "Calls of 30 days that did not end with a server error.",
                "percentunit",
                f"1 - sum(rate({FAILED_CALLS}[30d])) / sum(rate({CALLS}[30d]))",
                start=0.99,
                end=1,
                base=RED,
                steps=((0.999, ORANGE), (0.9995, GREEN)),
            ),
            dial(
                "Success Rate (7d SLO Target: 99.5%)",
                "Calls of 7 days that ended with OK, callers' mistakes aside.",
                "percentunit",
                """sum(rate(listings_grpc_requests_total{job="listings",status="OK"}[7d]))
                    / sum(rate(listings_grpc_requests_total{job="listings",status!~"INVALID_ARGUMENT|NOT_FOUND|ALREADY_EXISTS|FAILED_PRECONDITION|PERMISSION_DENIED|UNAUTHENTICATED|OUT_OF_RANGE|CANCELLED"}[7d]))""",
                start=0.98,
                end=1,
                base=RED,
                steps=((0.995, ORANGE), (0.998, GREEN)),
            ),
            dial(
                "P95 Latency SLO (Target: <200ms)",
                "Over all methods, in the last hour; docs/slo.md has the bound of each method.",
                "s",
                'max(service:latency_slo_p95:ratio1h{job="listings"})',
                end=0.5,
                steps=((0.2, RED),),
            ),
            dial(
                "P99 Latency SLO (Target: <1000ms)",
                "Over all methods, in the last hour; docs/slo.md has the bound of each method.",
                "s",
                'max(service:latency_slo_p99:ratio1h{job="listings"})',
                end=2,
                steps=((1, RED),),
            ),
            lines(
                "SLO Compliance Over Time (P95 < 200ms)",
                "P95 of each method over 5 minutes.",
                "s",
                query('method:grpc_request_duration:p95_5m{job="listings"}', "{{method}}"),
                limit=0.2,
            ),
            lines(
                "SLO Compliance Over Time (P99 < 1000ms)",
                "P99 of each method over 5 minutes.",
                "s",
                query('method:grpc_request_duration:p99_5m{job="listings"}', "{{method}}"),
                limit=1,
            ),
            lines(
                "Availability over time",
                "Of the last hour and the last day.",
                "percent",
                query('service:availability:ratio1h{job="listings"}', "1 h {{namespace}} {{service}}"),
                query('service:availability:ratio24h{job="listings"}', "24 h {{namespace}} {{service}}"),
            ),
            lines(
                "Success rate over time",
                "Of the last hour and the last day.",
                "percent",
                query('service:success_rate:ratio1h{job="listings"}', "1 h {{namespace}} {{service}}"),
                query('service:success_rate:ratio24h{job="listings"}', "24 h {{namespace}} {{service}}"),
            ),
        ),
    )


def budget() -> Row:
    """What may still fail."""

    def burn(window: str) -> str:
        return f"sum(rate({FAILED_CALLS}[{window}])) / sum(rate({CALLS}[{window}])) / 0.001"

    return (
        "Error budget",
        (
            value(
                "Error Budget Remaining (30d)",
                "Share of the 0.1 % of calls that may fail in 30 days. Below 50 % be careful, at 0 ship fixes only.",
                "percentunit",
                'min(service:error_budget_remaining:ratio30d{job="listings"})',
                base=RED,
                steps=((0, ORANGE), (0.5, GREEN)),
                width=8,
            ),
            lines(
                "Error Budget Burn Rate",
                "How many times too fast the budget goes; 1 uses it up in exactly 30 days. 14.4 over 1 h pages.",
                "short",
                *(query(burn(window), window) for window in ("5m", "30m", "1h", "6h")),
                limit=14.4,
                width=16,
            ),
        ),
    )


def errors() -> Row:
    """What went wrong."""
    return (
        "Errors",
        (
            value(
                "Total Errors (24h)",
                "Errors that the service logged in the last day.",
                "short",
                'sum(increase(listings_errors_total{job="listings"}[24h]))',
                steps=((1, ORANGE), (100, RED)),
                width=4,
            ),
            value(
                "Timeouts (24h)",
                "Calls of the last day that ran into their limit.",
                "short",
                'sum(increase(listings_timeouts_total{job="listings"}[24h]))',
                steps=((1, ORANGE), (100, RED)),
                width=4,
            ),
            rows(
                "Errors by Component and Type",
                "Of the last day.",
                "short",
                'sum by (component, error_type) (increase(listings_errors_total{job="listings"}[24h])) > 0',
                width=8,
            ),
            lines(
                "Rate Limit Rejections",
                "Calls refused per second, by what they were counted for.",
                "reqps",
                query(
                    """sum by (identifier_type) (
                        rate(listings_rate_limit_rejected_total{job="listings"}[$__rate_interval]))""",
                    "{{identifier_type}}",
                ),
                limit=10,
                width=8,
            ),
        ),
    )
