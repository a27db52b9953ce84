"""Write the CustomResourceDefinition into the chart (`generate`), or check that it stands there (`check`).

The file is a template of Helm because it can be switched off and is kept on uninstall; what is between its frame is
exactly what `listings_operator/crd.py` renders.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import yaml

from listings_operator.crd import custom_resource_definition

FILE: Final = (
    Path(__file__).resolve().parent.parent
    / "charts"
    / "listings-operator"
    / "templates"
    / "crd-listingsdeployments.yaml"
)

_HEAD: Final = """\
{{- /* Written by tools/crd.py from operator/listings_operator/spec.py. Change that, then: tools/crd.py generate */}}
{{- if .Values.crds.enabled }}
"""
_KEEP: Final = """\
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""
_TAIL: Final = "{{- end }}\n"


class _Dumper(yaml.SafeDumper):
    """Plain YAML without anchors: readers of a chart should not have to follow them."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything where it stands."""
        del data
        return True


def rendered() -> str:
    """The file's text."""
    text = yaml.dump(custom_resource_definition(), Dumper=_Dumper, sort_keys=False, width=110)
    assert "{{" not in text, "Helm would take it for its own"
    head, rest = text.split("metadata:\n", 1)
    return f"{_HEAD}{head}metadata:\n{_KEEP}{rest}{_TAIL}"


def main(arguments: list[str]) -> int:
    """Exit with 1 when `check` finds another text."""
    match arguments:
        case ["generate"]:
            FILE.parent.mkdir(parents=True, exist_ok=True)
            FILE.write_text(rendered(), "utf-8")
            print(f"{FILE.name}: {len(rendered().encode()) / 1024:.1f} KiB")
        case ["check"]:
            if not FILE.exists() or FILE.read_text("utf-8") != rendered():
                print(f"{FILE.name} is not what spec.py says: run tools/crd.py generate")
                return 1
        case _:
            print("usage: tools/crd.py generate|check")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
