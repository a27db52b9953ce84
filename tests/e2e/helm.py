"""Helm, for tests: commands as words, what it rendered as dicts."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from e2e.cluster.binaries import KUBERNETES

if TYPE_CHECKING:
    from collections.abc import Mapping

CHARTS: Final = Path(__file__).parents[2] / "charts"
# Rendering asks no cluster, and would otherwise assume an age-old one.
_OFFLINE: Final = ("template", "lint")


class HelmError(Exception):
    """Helm refused; the text is all that it said."""


@dataclass(frozen=True, slots=True)
class Helm:
    """One version of Helm: by itself for rendering, with a kubeconfig for installing."""

    binary: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, seconds: float = 60.0) -> str:
        """Run it and return what it printed; raise HelmError with all that it said."""
        # A version that a caller names stands later, and wins.
        offline = [f"--kube-version={KUBERNETES}"] if arguments[0] in _OFFLINE else []
        done = subprocess.run(
            [str(self.binary), arguments[0], *offline, *arguments[1:]],
            env={**os.environ, **self.environment},
            text=True,
            capture_output=True,
            check=False,
            timeout=seconds,
        )
        if done.returncode:
            raise HelmError(done.stdout + done.stderr)
        return done.stdout

    def render(self, chart: str, *arguments: str, release: str = "ops") -> list[dict[str, Any]]:
        """Return the documents of a chart of ours, hooks included, as they would go to a namespace `shop`."""
        text = self("template", release, str(CHARTS / chart), "--namespace=shop", *arguments)
        return [document for document in yaml.safe_load_all(text) if document]

    def notes(self, chart: str, *arguments: str, release: str = "ops") -> str:
        """Return what an installation of a chart of ours would tell, without a cluster."""
        options = ("--namespace=shop", "--dry-run=client", "--disable-openapi-validation", *arguments)
        return self("install", release, str(CHARTS / chart), *options).partition("NOTES:")[2]

    def against(self, kubeconfig: Path, namespace: str) -> Helm:
        """Return the same for one namespace of a cluster."""
        return Helm(self.binary, {"KUBECONFIG": str(kubeconfig), "HELM_NAMESPACE": namespace})
