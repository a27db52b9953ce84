"""Names of everything made for one ListingsDeployment: deterministic, at most 63 characters, told apart by kind.

The resource's own name is at most 40 characters (a rule of the schema), so names made of it and a fixed suffix fit;
names that hold a file's name are cut where needed and then carry a hash of the whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

GROUP: Final = "listings.marketplace"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "ListingsDeployment"
PLURAL: Final = "listingsdeployments"

# What server-side apply knows us by; one field manager per concern, see `desired.Concern`.
OPERATOR: Final = "listings-operator"

# A new value, whatever it is, tells the operator to try again what it has given up.
RETRY_ANNOTATION: Final = f"{GROUP}/retry"
# On a Deployment and its pods: the revision they run. On Jobs: what they were made for.
REVISION_ANNOTATION: Final = f"{GROUP}/revision"
SECRETS_ANNOTATION: Final = f"{GROUP}/secrets"
KEY_ANNOTATION: Final = f"{GROUP}/key"
ATTEMPT_ANNOTATION: Final = f"{GROUP}/attempt"
# Tells the two Services of a resource apart, so that Prometheus scrapes each pod once.
SERVICE_LABEL: Final = f"{GROUP}/service"
RULES_LABEL: Final = f"{GROUP}/rules"
TASK_LABEL: Final = f"{GROUP}/task"

LONGEST_NAME: Final = 63
LONGEST_RESOURCE_NAME: Final = 40
_HASH_LENGTH: Final = 10


def digest(value: Any) -> str:
    """A short, stable hash of plain data: ten hex digits, enough to tell a few thousand revisions apart."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def headless(name: str) -> str:
    """The Service that resolves to every pod, for clients that balance by themselves."""
    return f"{name}-headless"


def config(name: str, content: str) -> str:
    """The ConfigMap of one content; a new content is a new object, so pods of two revisions never share one."""
    return f"{name}-config-{content}"


def is_config(name: str, config_map: str) -> bool:
    """Whether a ConfigMap holds settings of this resource's pods."""
    return config_map.startswith(f"{name}-config-")


def revision(name: str, revision_hash: str) -> str:
    """The ControllerRevision that remembers a good revision's spec."""
    return f"{name}-{revision_hash}"


def of_file(name: str, kind: str, file: str) -> str:
    """The object made from a file of `alerts/` or `dashboards/`."""
    stem = re.sub(r"[^a-z0-9]+", "-", file.lower()).strip("-")
    return _bounded(f"{name}-{kind}-{stem}", file)


def job(name: str, uid: str, task: str, key: str, attempt: int) -> str:
    """The Job of one attempt: the same attempt for the same purpose always has the same name."""
    suffix = f"{task}-{uid[:8]}-{key}-{attempt}"
    return f"{name[: LONGEST_NAME - len(suffix) - 1].rstrip('-')}-{suffix}"


def _bounded(text: str, whole: str) -> str:
    if len(text) <= LONGEST_NAME:
        return text
    return f"{text[: LONGEST_NAME - _HASH_LENGTH - 1].rstrip('-')}-{digest(whole)}"
