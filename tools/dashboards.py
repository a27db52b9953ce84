"""Dashboards: writes dashboards/*.json from tools/boards, or says which of them are not what boards say.

python tools/dashboards.py generate|check
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from boards import alerting_slo, business_metrics, infrastructure, operator, service_health
from boards.panels import rendered

FOLDER: Final = Path(__file__).parents[1] / "dashboards"
BOARDS: Final = {
    "service-health": service_health,
    "infrastructure": infrastructure,
    "business-metrics": business_metrics,
    "alerting-slo": alerting_slo,
    "operator": operator,
}


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("generate", "check"))
    action = parser.parse_args().action
    wanted = {FOLDER / f"{name}.json": rendered(module.built()) for name, module in BOARDS.items()}
    stale = {file: text for file, text in wanted.items() if not file.exists() or file.read_text() != text}
    stray = sorted(set(FOLDER.glob("*.json")) - set(wanted))
    if action == "check":
        for file in [*stale, *stray]:
            print(f"dashboards/{file.name} is not what tools/boards says: run `make dashboards`")
        return 1 if stale or stray else 0
    for file, text in stale.items():
        file.write_text(text)
        print(f"wrote dashboards/{file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
