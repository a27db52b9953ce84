"""Alerts and recording rules: one object for each file of `alerts/`, so that a refused one takes no other with it.

The files are plain rule files in which every selector of our series says `job="listings"`. Here they are narrowed to
one resource: the same selector gets its namespace and Service, and what a rule gives carries both as labels.

A rule about something else, such as the operator, stays as it is. Every resource brings the same one then, and the
same alert from several of them is one to Alertmanager, because nothing in its labels differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml

from listings_operator import labels, names
from listings_operator.desired.manifest import Manifest, Owner, metadata

if TYPE_CHECKING:
    from listings_operator.assets import RuleFile
    from listings_operator.spec import ListingsSpec

_JOB: Final = 'job="listings"'


def prometheus_rule(file: RuleFile, spec: ListingsSpec, owner: Owner) -> Manifest:
    """The file as an object that the Prometheus Operator reads."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": _metadata(file, spec, owner),
        "spec": {"groups": narrowed(file, owner)},
    }


def rules_config_map(file: RuleFile, spec: ListingsSpec, owner: Owner) -> Manifest:
    """The file for a Prometheus that reads mounted rule files."""
    document = _metadata(file, spec, owner)
    document["labels"][names.RULES_LABEL] = "1"
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": document,
        "data": {
            f"{owner.namespace}-{owner.name}-{file.name}.yaml": yaml.safe_dump(
                {"groups": narrowed(file, owner)}, sort_keys=False, allow_unicode=True, width=10_000
            )
        },
    }


def narrowed(file: RuleFile, owner: Owner) -> list[Manifest]:
    """The groups of a file, about one resource only."""
    place = {"namespace": owner.namespace, "service": owner.name}
    selector = ",".join([_JOB, *(f'{label}="{value}"' for label, value in place.items())])

    def narrow(rule: Manifest) -> Manifest:
        if _JOB not in rule["expr"]:
            return rule
        return {
            **rule,
            "expr": rule["expr"].replace(_JOB, selector),
            # A recorded series is selected by the same three labels as the series it is made of.
            "labels": {
                **rule.get("labels", {}),
                **({"job": "listings"} if "record" in rule else {}),
                **place,
            },
        }

    return [{**group, "rules": [narrow(rule) for rule in group["rules"]]} for group in file.groups]


def _metadata(file: RuleFile, spec: ListingsSpec, owner: Owner) -> Manifest:
    return metadata(
        owner,
        names.of_file(owner.name, "rules", file.name),
        labels.OBSERVABILITY,
        retained=spec.retained,
        extra_labels=spec.observability.rules_.labels,
    )
