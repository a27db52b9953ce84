"""The operator as its Helm chart installs it."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from e2e.cluster.binaries import Binaries
from e2e.helm import CHARTS, Helm
from e2e.images.applications import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from e2e.cluster.kubectl import Kubectl

NAMESPACE: Final = "listings-operator"
NAME: Final = "listings-operator"
CRD: Final = "listingsdeployments.listings.marketplace"
_WHERE_RULES_ARE: Final = "from listings_operator import assets; print(assets.folder('alerts'))"


@dataclass(frozen=True, slots=True)
class Release:
    """One release of the chart."""

    kubectl: Kubectl

    def install(self, watched: Iterable[str]) -> None:
        """Install and wait until the operator says that it is ready."""
        repository, _, tag = OPERATOR.reference.rpartition(":")
        self._helm(
            "install",
            NAME,
            str(CHARTS / "listings-operator"),
            "--create-namespace",
            "--wait",
            "--timeout=120s",
            f"--set=image.repository={repository},image.tag={tag}",
            f"--set=watch.namespaces={{{','.join(watched)}}}",
            seconds=180,
        )

    def remove(self) -> None:
        """Uninstall; the kind stays by the chart's own promise, and is removed here for the next run."""
        # A story that failed may have left a resource: that is no reason to leave the operator too.
        self._helm("uninstall", NAME, "--wait", "--no-hooks", seconds=120)
        self.kubectl.delete("namespace", NAMESPACE)
        self.kubectl.delete("crd", CRD)

    @contextmanager
    def with_rule_file(self, name: str, text: str) -> Iterator[None]:
        """Add a file to the rule files that the operator brings along, for as long as the block lasts."""
        kubectl = self.kubectl.within(NAMESPACE)
        folder = kubectl("exec", f"deployment/{NAME}", "--", "python", "-c", _WHERE_RULES_ARE).strip()
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "rule-file"},
                "data": {name: text},
            }
        )
        pod = {
            "volumes": [{"name": "rule-file", "configMap": {"name": "rule-file"}}],
            "containers": [
                {
                    "name": "operator",
                    "volumeMounts": [{"name": "rule-file", "mountPath": f"{folder}/{name}", "subPath": name}],
                }
            ],
        }
        change = json.dumps({"spec": {"template": {"spec": pod}}})
        kubectl("patch", "deployment", NAME, "--type=strategic", "-p", change)
        self._wait()
        try:
            yield
        finally:
            kubectl("rollout", "undo", f"deployment/{NAME}")
            self._wait()

    def _wait(self) -> None:
        self.kubectl.within(NAMESPACE)("rollout", "status", f"deployment/{NAME}", "--timeout=90s")

    @property
    def log(self) -> str:
        """The last lines of the operator's log: what to read when a story fails."""
        return self.kubectl.within(NAMESPACE)("logs", f"deployment/{NAME}", "--tail=60")

    @property
    def _helm(self) -> Helm:
        return Helm(_program()).against(self.kubectl.kubeconfig, NAMESPACE)


def _program() -> Path:
    built, found = Binaries.cached()["helm"], shutil.which("helm")
    if built.exists() or found is None:
        return built
    return Path(found)
