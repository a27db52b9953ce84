"""One page of metrics from several processes: what happened adds up, how things stand follows a rule per family."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import Metric
from prometheus_client.samples import Exemplar, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]


class Rule(Enum):
    """What several processes' values of one gauge are together."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"


# Each process holds a part of these.
_PARTS: Final = (
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_open_fds",
    "listings_grpc_handler_requests_active",
    "listings_http_requests_in_flight",
    "listings_db_connections_max",
    "listings_db_connections_open",
    "listings_db_connections_idle",
    "listings_db_connections_in_use",
    "listings_db_connections_waiting",
    "listings_db_prepared_statements",
    "listings_cache_entries",
    "listings_cache_bytes",
    "listings_cache_max_bytes",
    "listings_rate_limit_buckets",
    "listings_calls_waiting",
    "listings_calls_waiting_max",
    "listings_tasks",
    "listings_workers",
)
# The same for all, or known to one of them alone; or bad as soon as one process says so.
_ALIKE: Final = (
    "python_info",
    "listings_build_info",
    "listings_rate_limit_per_minute",
    "listings_ledger_drift_items",
    "listings_ledger_last_check_timestamp_seconds",
    "listings_search_degraded",
    "listings_indexing_queue_size",
    "listings_indexing_queue_failed",
    "listings_indexing_queue_oldest_seconds",
    "listings_active_total",
    "listings_by_status",
    "listings_inventory_out_of_stock_products",
    "listings_inventory_stock_value",
    "listings_migration_version",
    "listings_migration_expected_version",
    "listings_migration_dirty",
    "listings_maintenance_interval_seconds",
    "listings_memory_limit_bytes",
    "listings_cpu_limit_cores",
)
# As good as the worst of them; the start of all is the start of the first.
_WORST: Final = (
    "process_start_time_seconds",
    "process_max_fds",
    "listings_ready",
    "listings_dependency_up",
    "listings_cache_server_up",
    "listings_rate_limit_file_ok",
    "listings_tls_certificate_expiry_timestamp_seconds",
    "listings_maintenance_last_success_timestamp_seconds",
)
RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(_PARTS, Rule.SUM),
    **dict.fromkeys(_ALIKE, Rule.MAX),
    **dict.fromkeys(_WORST, Rule.MIN),
}
_COMBINE: Final[dict[Rule, Callable[[float, float], float]]] = {
    Rule.SUM: lambda one, other: one + other,
    Rule.MAX: max,
    Rule.MIN: min,
}
_CUMULATIVE: Final = ("counter", "histogram")


def merged(parts: Iterable[Iterable[Metric]]) -> list[Metric]:
    """The families of all parts together.

    Counters and histograms add up, gauges follow `RULES` (a family that is missing there adds up); of exemplars
    the youngest stays.
    """
    families: dict[str, Metric] = {}
    samples: dict[str, dict[Key, Sample]] = {}
    for part in parts:
        for family in part:
            if family.name not in families:
                families[family.name] = Metric(family.name, family.documentation, family.type, family.unit)
            known = samples.setdefault(family.name, {})
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                known[key] = _together(known[key], sample, family) if key in known else sample
    for name, family in families.items():
        family.samples = list(samples[name].values())
    return list(families.values())


def lasting(families: Iterable[Metric]) -> list[Metric]:
    """What stays true of a process that has ended: what happened in it, not how things stood."""
    return [family for family in families if family.type in _CUMULATIVE]


def told(families: Iterable[Metric]) -> list[Any]:
    """Families as plain values, for another process."""
    return [
        [
            family.name,
            family.documentation,
            family.type,
            family.unit,
            [[each.name, each.labels, each.value, _exemplar_told(each.exemplar)] for each in family.samples],
        ]
        for family in families
    ]


def understood(values: Iterable[Any]) -> list[Metric]:
    """The families that `told` made plain."""
    families = []
    for name, text, kind, unit, samples in values:
        family = Metric(name, text, kind, unit)
        family.samples = [
            Sample(of, labels, value, exemplar=None if example is None else Exemplar(*example))
            for of, labels, value, example in samples
        ]
        families.append(family)
    return families


def _together(one: Sample, other: Sample, family: Metric) -> Sample:
    if one.name.endswith("_created"):
        rule = Rule.MIN
    elif family.type in _CUMULATIVE:
        rule = Rule.SUM
    else:
        rule = RULES.get(family.name, Rule.SUM)
    youngest = max(
        (each for each in (one.exemplar, other.exemplar) if each is not None),
        key=lambda each: each.timestamp or 0.0,
        default=None,
    )
    return one._replace(value=_COMBINE[rule](one.value, other.value), exemplar=youngest)


def _exemplar_told(exemplar: Exemplar | None) -> list[Any] | None:
    return None if exemplar is None else [exemplar.labels, exemplar.value, exemplar.timestamp]
