"""The yardstick for metrics: the service itself, with everything that counts or times a call left out.

    python uncounting_server.py serve      as `listings serve`

Its `/metrics` shows zeros. `metrics_cost.py` starts it beside the service as it is.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from listings.cli import main
from listings.metrics import MethodMetrics


def _nothing(*_: object, **__: object) -> None:
    """Instead of counting."""


def leave_out() -> None:
    """From now on in this process."""
    for kind, names in (
        (MethodMetrics, ("began", "ended")),
        (Counter, ("inc",)),
        (Gauge, ("inc", "dec", "set")),
        (Histogram, ("observe",)),
    ):
        for name in names:
            setattr(kind, name, _nothing)


if __name__ == "__main__":
    leave_out()
    main()
