"""Dashboards as ConfigMaps in the form that Grafana's sidecar collects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings_operator import labels, names
from listings_operator.desired.manifest import Manifest, Owner, metadata

if TYPE_CHECKING:
    from listings_operator.assets import DashboardFile
    from listings_operator.spec import ListingsSpec

# The sidecar's documented defaults: the label it selects by, the annotation that names the folder.
SIDECAR_LABEL: Final = "grafana_dashboard"
FOLDER_ANNOTATION: Final = "grafana_folder"


def dashboard_config_map(file: DashboardFile, spec: ListingsSpec, owner: Owner) -> Manifest:
    """One dashboard, byte for byte as its file is."""
    settings = spec.observability.dashboards
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            owner,
            names.of_file(owner.name, "dashboard", file.name),
            labels.OBSERVABILITY,
            retained=spec.retained,
            extra_labels={**settings.labels, SIDECAR_LABEL: "1"},
            annotations={FOLDER_ANNOTATION: settings.folder},
        ),
        "data": {f"{file.name}.json": file.text},
    }
