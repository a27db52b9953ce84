"""What the operator does: its looks at resources, what waits, what it put right, and its talk with the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boards.panels import GREEN, ORANGE, RED, board, heat, lines, operator_variables, query, rows, value

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard


def built() -> Dashboard:
    """The dashboard."""
    return board(
        "listings-operator",
        "Listings: operator",
        "What the operator does, and what waits for it or for a person.",
        operator_variables(),
        (
            "Overview",
            (
                value(
                    "Operator up",
                    "Operators that answer Prometheus. OperatorDown fires at 0.",
                    "short",
                    'sum(up{job="listings-operator"})',
                    base=RED,
                    steps=((1, GREEN),),
                    width=4,
                ),
                value(
                    "Resources",
                    "ListingsDeployments that the operator looks after.",
                    "short",
                    'count(listings_operator_resource_phase{job="listings-operator"})',
                    width=4,
                ),
                value(
                    "Waiting for a person",
                    "Resources that cannot go on by themselves; their status says what to do.",
                    "short",
                    'sum(listings_operator_resource_stalled{job="listings-operator"})',
                    steps=((1, ORANGE),),
                    width=4,
                ),
                value(
                    "Queue",
                    "Resources that wait for a look.",
                    "short",
                    'sum(listings_operator_queue_depth{job="listings-operator"})',
                    steps=((50, ORANGE), (500, RED)),
                    width=4,
                ),
                value(
                    "Oldest in the queue",
                    "How long the first one has waited. OperatorQueueSlow fires at 60 s.",
                    "s",
                    'max(listings_operator_queue_oldest_seconds{job="listings-operator"})',
                    steps=((10, ORANGE), (60, RED)),
                    width=4,
                ),
                value(
                    "Failed looks (1h)",
                    "Looks that ended with an error and are tried again.",
                    "short",
                    'sum(increase(listings_operator_reconciles_total{job="listings-operator",result="failed"}[1h]))',
                    steps=((1, ORANGE), (36, RED)),
                    width=4,
                ),
                rows(
                    "Resources by phase",
                    "Each ListingsDeployment and the phase it is in.",
                    "none",
                    """max by (resource_namespace, resource_name, phase) (
                        listings_operator_resource_phase{job="listings-operator"})""",
                ),
                rows(
                    "Stalled resources",
                    "Those that wait for a person. OperatorResourceStalled fires after 15 minutes.",
                    "none",
                    """max by (resource_namespace, resource_name) (
                        listings_operator_resource_stalled{job="listings-operator"}) > 0""",
                ),
            ),
        ),
        (
            "Looks",
            (
                lines(
                    "Looks per second",
                    "By result. OperatorReconcileFailing fires when failures last.",
                    "ops",
                    query(
                        """sum by (result) (
                            rate(listings_operator_reconciles_total{job="listings-operator"}[$__rate_interval]))""",
                        "{{result}}",
                    ),
                    width=8,
                ),
                heat(
                    "Time of a look",
                    "Looks per second by the time they took with everything they led to.",
                    "s",
                    """sum by (le) (
                        rate(listings_operator_reconcile_duration_seconds_bucket{job="listings-operator"}[$__rate_interval]))""",
                    width=8,
                ),
                lines(
                    "Slowest look under way",
                    "How long the slowest look has taken so far, and how long a watch has owed an event.",
                    "s",
                    query('max(listings_operator_longest_look_seconds{job="listings-operator"})', "look"),
                    query('max(listings_operator_watch_silence_seconds{job="listings-operator"})', "watch"),
                    width=8,
                ),
                lines(
                    "Put right",
                    "Objects per second that somebody had changed or deleted, by kind.",
                    "ops",
                    query(
                        """sum by (kind) (
                            rate(listings_operator_drift_corrected_total{job="listings-operator"}[$__rate_interval]))""",
                        "{{kind}}",
                    ),
                ),
                lines(
                    "Jobs created",
                    "Per second, by what they do.",
                    "ops",
                    query(
                        """sum by (task) (
                            rate(listings_operator_jobs_created_total{job="listings-operator"}[$__rate_interval]))""",
                        "{{task}}",
                    ),
                ),
            ),
        ),
        (
            "API server and process",
            (
                lines(
                    "Requests to the API server",
                    "Per second, by status; 0 when no answer came.",
                    "reqps",
                    query(
                        """sum by (status) (
                            rate(listings_operator_api_requests_total{job="listings-operator"}[$__rate_interval]))""",
                        "{{status}}",
                    ),
                    stacked=True,
                ),
                lines(
                    "Latency of the API server (P95)",
                    "By verb.",
                    "s",
                    query(
                        """histogram_quantile(0.95, sum by (le, verb) (
                            rate(listings_operator_api_request_duration_seconds_bucket{job="listings-operator"}[$__rate_interval])))""",
                        "{{verb}}",
                    ),
                ),
                lines(
                    "CPU",
                    "Cores that the operator uses.",
                    "short",
                    query(
                        'sum by (instance) (rate(process_cpu_seconds_total{job="listings-operator"}[$__rate_interval]))',
                        "{{instance}}",
                    ),
                ),
                lines(
                    "Memory",
                    "Resident memory of the operator.",
                    "bytes",
                    query(
                        'sum by (instance) (process_resident_memory_bytes{job="listings-operator"})',
                        "{{instance}}",
                    ),
                ),
            ),
        ),
    )
