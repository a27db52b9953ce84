"""Whether Listings answers, how fast, and what fails: the first page to open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boards.panels import (
    FAILED,
    GREEN,
    ORANGE,
    RED,
    bars,
    board,
    dial,
    heat,
    lines,
    query,
    rows,
    service_variables,
    value,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

QUANTILES = ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))


def built() -> Dashboard:
    """The dashboard."""
    return board(
        "listings-service-health",
        "Listings: service health",
        "Whether Listings answers, how fast, and what fails.",
        service_variables(),
        (
            "Overview",
            (
                value(
                    "Service Uptime (24h)",
                    "Share of the last day in which instances answered Prometheus, averaged over them.",
                    "percentunit",
                    'avg(avg_over_time(up{job="listings"}[24h]))',
                    base=RED,
                    steps=((0.99, ORANGE), (0.999, GREEN)),
                    width=4,
                ),
                value(
                    "Pods that answer",
                    "Instances that Prometheus reaches. ServiceDown fires for each that it does not.",
                    "short",
                    'sum(up{job="listings"})',
                    base=RED,
                    steps=((1, GREEN),),
                    width=4,
                ),
                value(
                    "Current RPS",
                    "gRPC calls answered per second.",
                    "reqps",
                    'sum(rate(listings_grpc_requests_total{job="listings"}[$__rate_interval]))',
                    width=4,
                ),
                value(
                    "Total Requests (24h)",
                    "gRPC calls answered in the last day.",
                    "short",
                    'sum(increase(listings_grpc_requests_total{job="listings"}[24h]))',
                    width=4,
                ),
                value(
                    "Error Rate (%)",
                    "Share of gRPC calls that fail by the service's own fault. 1 % is a ticket, 10 % a page.",
                    "percentunit",
                    f"""sum(rate(listings_grpc_requests_total{{job="listings",status=~"{FAILED}"}}[5m]))
                        / sum(rate(listings_grpc_requests_total{{job="listings"}}[5m]))""",
                    steps=((0.01, ORANGE), (0.1, RED)),
                    width=4,
                ),
                dial(
                    "Active Requests (In-Flight)",
                    "gRPC calls under way.",
                    "short",
                    'sum(listings_grpc_handler_requests_active{job="listings"})',
                    end=500,
                    steps=((300, ORANGE), (450, RED)),
                    width=4,
                ),
            ),
        ),
        (
            "Objectives and alerts",
            (
                dial(
                    "SLO compliance: availability (1h)",
                    "Calls that do not end with a server error. The objective is 99.9 %.",
                    "percent",
                    'min(service:availability:ratio1h{job="listings"})',
                    start=99,
                    end=100,
                    base=RED,
                    steps=((99.9, ORANGE), (99.95, GREEN)),
                ),
                dial(
                    "SLO compliance: success (1h)",
                    "Calls that end with OK, callers' mistakes aside. The objective is 99.5 %.",
                    "percent",
                    'min(service:success_rate:ratio1h{job="listings"})',
                    start=98,
                    end=100,
                    base=RED,
                    steps=((99.5, ORANGE), (99.8, GREEN)),
                ),
                rows(
                    "Active alerts",
                    "What fires, here and in what Listings depends on.",
                    "short",
                    'sum by (alertname, severity, service, instance) (ALERTS{alertstate="firing",team="platform",severity!="none"})',
                ),
            ),
        ),
        (
            "gRPC",
            (
                lines(
                    "Request Latency (P50, P95, P99)",
                    "Time from a call's arrival to its answer, over all methods.",
                    "s",
                    *(
                        query(
                            f"""histogram_quantile({share}, sum by (le) (
                                rate(listings_grpc_request_duration_seconds_bucket{{job="listings"}}[$__rate_interval])))""",
                            name,
                        )
                        for share, name in QUANTILES
                    ),
                    limit=2,
                ),
                heat(
                    "Request Volume Heatmap",
                    "Calls per second by the time they took.",
                    "s",
                    'sum by (le) (rate(listings_grpc_request_duration_seconds_bucket{job="listings"}[$__rate_interval]))',
                ),
                lines(
                    "Throughput by Method (RPS)",
                    "gRPC calls answered per second, by method.",
                    "reqps",
                    query(
                        'sum by (method) (rate(listings_grpc_requests_total{job="listings"}[$__rate_interval])) > 0',
                        "{{method}}",
                    ),
                ),
                lines(
                    "Error Rate by Method",
                    "Share of each method's calls that fail by the service's own fault.",
                    "percentunit",
                    query(
                        f"""sum by (method) (rate(listings_grpc_requests_total{{job="listings",status=~"{FAILED}"}}[5m]))
                            / (sum by (method) (rate(listings_grpc_requests_total{{job="listings"}}[5m])) > 0)""",
                        "{{method}}",
                    ),
                    limit=0.1,
                ),
                lines(
                    "Latency by method (P95)",
                    "What LatencyP95SLOBreach compares with each method's objective.",
                    "s",
                    query('method:grpc_request_duration:p95_5m{job="listings"}', "{{method}}"),
                ),
                lines(
                    "Latency by method (P99)",
                    "What HighLatencyP99Critical pages for above 2 s.",
                    "s",
                    query('method:grpc_request_duration:p99_5m{job="listings"}', "{{method}}"),
                    limit=2,
                ),
                bars(
                    "Status Code Distribution (Last 1h)",
                    "gRPC calls of the last hour by their status.",
                    "short",
                    'sum by (status) (increase(listings_grpc_requests_total{job="listings"}[1h])) > 0',
                    "status",
                ),
                lines(
                    "Timeouts and near timeouts",
                    "Calls per second that ran into their limit, or used more than 80 % of it.",
                    "reqps",
                    query('sum(rate(listings_timeouts_total{job="listings"}[$__rate_interval]))', "timeouts"),
                    query(
                        'sum(rate(listings_near_timeouts_total{job="listings"}[$__rate_interval]))',
                        "near timeouts",
                    ),
                ),
                lines(
                    "Time of timeouts (P95)",
                    "How long calls had run when their limit ended them, by method.",
                    "s",
                    query(
                        """histogram_quantile(0.95, sum by (le, method) (
                            rate(listings_timeout_duration_seconds_bucket{job="listings"}[1h])))""",
                        "{{method}}",
                    ),
                ),
                lines(
                    "In flight by method",
                    "gRPC calls under way, by method.",
                    "short",
                    query(
                        'sum by (method) (listings_grpc_handler_requests_active{job="listings"}) > 0',
                        "{{method}}",
                    ),
                ),
            ),
        ),
        (
            "Load",
            (
                lines(
                    "Calls waiting",
                    "The instance in which most calls of both edges wait, and how many may: beyond that calls are refused.",
                    "short",
                    query('max(listings_calls_waiting{job="listings"})', "waiting"),
                    query('min(listings_calls_waiting_max{job="listings"})', "may wait"),
                    width=12,
                ),
                lines(
                    "Calls refused for load",
                    "Calls per second refused with OVERLOADED because too many waited, by edge.",
                    "reqps",
                    query(
                        'sum by (edge) (rate(listings_calls_shed_total{job="listings"}[$__rate_interval]))',
                        "{{edge}}",
                    ),
                    width=12,
                ),
            ),
        ),
        (
            "REST",
            (
                lines(
                    "REST requests by status",
                    "REST requests answered per second. RestErrorRateHigh fires when 5 % end with 5xx.",
                    "reqps",
                    query(
                        'sum by (status) (rate(listings_http_requests_total{job="listings"}[$__rate_interval]))',
                        "{{status}}",
                    ),
                    stacked=True,
                    width=8,
                ),
                lines(
                    "REST latency (P95)",
                    "Time from a REST request to its answer, by path.",
                    "s",
                    query(
                        """histogram_quantile(0.95, sum by (le, path) (
                            rate(listings_http_request_duration_seconds_bucket{job="listings"}[$__rate_interval])))""",
                        "{{path}}",
                    ),
                    width=8,
                ),
                lines(
                    "REST requests in flight",
                    "REST requests under way, by instance.",
                    "short",
                    query(
                        'sum by (instance) (listings_http_requests_in_flight{job="listings"})', "{{instance}}"
                    ),
                    width=8,
                ),
            ),
        ),
        (
            "Health",
            (
                lines(
                    "Ready",
                    "1 while an instance takes calls.",
                    "bool_yes_no",
                    query('min by (instance) (listings_ready{job="listings"})', "{{instance}}"),
                    width=8,
                ),
                lines(
                    "Dependencies",
                    "1 while an instance reaches what it depends on. DatabaseDown fires when none reaches the database.",
                    "bool_yes_no",
                    query(
                        'min by (instance, dependency) (listings_dependency_up{job="listings"})',
                        "{{dependency}} from {{instance}}",
                    ),
                    width=8,
                ),
                lines(
                    "Probes",
                    "1 while the blackbox exporter gets the answer it wants. ProbeFailed fires at 0.",
                    "bool_yes_no",
                    query("min by (instance) (probe_success)", "{{instance}}"),
                    width=8,
                ),
            ),
        ),
    )
