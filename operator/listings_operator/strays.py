"""Fields that somebody has added to an object of ours, which applying our own fields leaves where they are. Pure.

`reconcile.py` asks after each apply. Server-side apply corrects what we say and keeps what others say beside it: a
variable from `kubectl set env`, one more port, one more key. Such fields are found by their manager, and one JSON
patch puts what we say in place of the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listings_operator import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from listings_operator.desired import Manifest

# Not content: who and what it is, and what controllers say about it.
_BESIDE: Final = frozenset({"apiVersion", "kind", "metadata", "status"})
# Platforms give accounts their pull secrets and tokens.
_SHARED_KINDS: Final = frozenset({"ServiceAccount"})
# `kubectl rollout restart` asks for new pods of the same revision: there is nothing to put right.
RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"


def without_strays(manifest: Manifest, live: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The JSON patch that makes `live` say what the manifest says and no more; empty when it does already."""
    if live["kind"] in _SHARED_KINDS or not any(_strays(live)):
        return []
    wanted = _content(manifest, live)
    version = {
        "op": "test",
        "path": "/metadata/resourceVersion",
        "value": live["metadata"]["resourceVersion"],
    }
    extra = [
        {"op": "remove", "path": f"/{key}"}
        for key in sorted(live)
        if key not in wanted | dict.fromkeys(_BESIDE)
    ]
    return [
        version,
        *({"op": "add", "path": f"/{key}", "value": value} for key, value in sorted(wanted.items())),
        *extra,
    ]


def _content(manifest: Manifest, live: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {key: value for key, value in manifest.items() if key not in _BESIDE}
    if manifest["kind"] != "Deployment":
        return wanted
    # The number of pods is applied by another manager of ours, or decided by an autoscaler.
    spec = {**wanted["spec"], "replicas": live["spec"]["replicas"]}
    restarted = live["spec"]["template"]["metadata"].get("annotations", {}).get(RESTARTED)
    if restarted is not None:
        template = spec["template"]
        annotations = {**template["metadata"].get("annotations", {}), RESTARTED: restarted}
        spec["template"] = {**template, "metadata": {**template["metadata"], "annotations": annotations}}
    return {**wanted, "spec": spec}


def _strays(live: Mapping[str, Any]) -> Iterator[str]:
    """Paths of content that only others say. An edit of ours by others has become ours again with the apply."""
    for entry in live["metadata"].get("managedFields", ()):
        # Who applies declares on purpose, and who writes to a subresource is a controller: both are let be.
        if (
            entry.get("operation") != "Update"
            or entry.get("subresource")
            or str(entry.get("manager", "")).startswith(f"{names.OPERATOR}/")
        ):
            continue
        for path in _leaves(entry.get("fieldsV1", {})):
            if (
                path[0].removeprefix("f:") not in _BESIDE
                and path[-1] != f"f:{RESTARTED}"
                and path[1:] != ("f:replicas",)
            ):
                yield "/".join(path)


def _leaves(fields: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every field of a set of fields; "." says that the one above is itself held."""
    for key, below in fields.items():
        here = path if key == "." else (*path, key)
        if below:
            yield from _leaves(below, here)
        elif key == "." and len(fields) > 1:
            continue  # a map or item that came with what stands in it: that decides
        elif here:
            yield here
