"""The CustomResourceDefinition, rendered from `spec.py`: schema, defaults, rules, columns.

`tools/crd.py` writes it into the chart and checks that it stands there unchanged. Nothing reads it at run time: what
the API server enforces, the operator need not check again.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from listings_operator import names
from listings_operator.conditions import LONGEST_MESSAGE
from listings_operator.spec import ListingsSpec
from listings_operator.vocabulary import ConditionType, Phase

Schema: TypeAlias = dict[str, Any]

# What JSON Schema says and a structural schema may not.
_FOREIGN_KEYS: Final = ("title", "$defs", "additionalProperties")

_NAME_RULES: Final = (
    (
        f"self.metadata.name.size() <= {names.LONGEST_RESOURCE_NAME}",
        f"choose a name of at most {names.LONGEST_RESOURCE_NAME} characters: names of Jobs and Services are made of it",
    ),
    (
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "choose a name of lower case letters, digits and dashes that begins with a letter: a Service is named like it",
    ),
)

# Name, JSON path, type, priority (1: only with -o wide), description.
_COLUMNS: Final = (
    ("Ready", '.status.conditions[?(@.type=="Ready")].status', "string", 0, "Whether the spec is reached."),
    ("Phase", ".status.phase", "string", 0, "Where it is."),
    ("Version", ".status.version", "string", 0, "Version that was last found good."),
    ("Schema", ".status.schema.version", "integer", 0, "Version of the database's schema."),
    ("Pods", ".status.pods", "string", 0, "Available and wanted pods."),
    ("Waiting", ".status.reason", "string", 0, "What it is waiting for, or Ready."),
    ("Age", ".metadata.creationTimestamp", "date", 0, "Since its creation."),
    ("Wanted", ".spec.version", "string", 1, "Version that the spec asks for."),
    ("Pending", ".status.schema.pendingCount", "integer", 1, "Pending migration files."),
    ("Message", ".status.message", "string", 1, "The same in words, with what to do."),
)


def custom_resource_definition() -> Schema:
    """The whole object, as plain data."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.KIND.lower(),
                "shortNames": ["ld"],
                "categories": ["all", "marketplace"],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": [
                        {
                            "name": name,
                            "jsonPath": path,
                            "type": kind,
                            "priority": priority,
                            "description": text,
                        }
                        for name, path, kind, priority, text in _COLUMNS
                    ],
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


def spec_schema() -> Schema:
    """The structural schema of `spec`."""
    document = ListingsSpec.model_json_schema(by_alias=True)
    return _structural(document, document.get("$defs", {}))


def _root() -> Schema:
    return {
        "type": "object",
        "description": "One Listings service: its image, its database's schema, its pods, its alerts and dashboards.",
        "required": ["spec"],
        "x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in _NAME_RULES],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec_schema(),
            "status": status_schema(),
        },
    }


def _structural(schema: Schema, definitions: Schema) -> Schema:
    """Pydantic's JSON Schema as Kubernetes takes it: no references, no null, defaults only where they are needed."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[1]]
        schema = target | {key: value for key, value in schema.items() if key != "$ref"}
    if "anyOf" in schema:
        [present] = [branch for branch in schema["anyOf"] if branch.get("type") != "null"]
        rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        # What is said about the field stands over what is said about its type.
        return _structural({**present, **rest}, definitions)
    result = {key: value for key, value in schema.items() if key not in _FOREIGN_KEYS}
    if "properties" in schema:
        result["properties"] = {
            name: _structural(part, definitions) for name, part in schema["properties"].items()
        }
    elif isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _structural(schema["additionalProperties"], definitions)
    if "items" in schema:
        result["items"] = _structural(schema["items"], definitions)
    if result.get("x-kubernetes-int-or-string"):
        # The one form in which Kubernetes takes two types; without it the pattern would not be checked.
        result.pop("type", None)
        result["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if "default" in result:
        result["default"] = _whole(result["default"])
        if result["default"] in ([], None) or (result["default"] == {} and "properties" not in result):
            del result["default"]
    return result


def _whole(default: Any) -> Any:
    """A default with everything in it: the API server checks it by the rules before it fills in the parts' own."""
    if not isinstance(default, dict):
        return default
    return {name: _whole(value) for name, value in default.items() if value not in (None, {}, [])}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _number(description: str) -> Schema:
    return {"type": "integer", "description": description}


def _truth(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _time(description: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": description}


def _object(description: str, required: list[str] | None = None, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    return schema | {"required": required} if required else schema


def _list(description: str, items: Schema, keys: list[str] | None = None) -> Schema:
    kind = (
        {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
        if keys
        else {"x-kubernetes-list-type": "atomic"}
    )
    return {"type": "array", "description": description, "items": items, **kind}


def status_schema() -> Schema:
    """The structural schema of `status`; `status.py` writes it and `ledger.py` reads its part of it."""
    return _object(
        "What is, what is waited for, and what the operator remembers.",
        observedGeneration=_number("Generation of the spec that this status speaks of."),
        phase=_text("Where it is, in one word for people.", enum=[phase.value for phase in Phase]),
        reason=_text("What it is waiting for, in one word for machines; Ready when for nothing."),
        message=_text("What it is waiting for, and what to do about it."),
        version=_text("Version that was last found good."),
        conditions=_list(
            f"{', '.join(kind.value for kind in ConditionType)}: all of them, always.",
            _object(
                "One condition.",
                ["type", "status", "reason", "message", "lastTransitionTime"],
                type=_text("Its type."),
                status=_text("Its truth.", enum=["True", "False", "Unknown"]),
                reason=_text("Why, in one word."),
                message=_text("Why, in words.", maxLength=LONGEST_MESSAGE),
                observedGeneration=_number("Generation of the spec that it speaks of."),
                lastTransitionTime=_time("When its status changed last."),
            ),
            ["type"],
        ),
        replicas=_number("Pods there are."),
        availableReplicas=_number("Pods that serve."),
        pods=_text("Available and wanted pods."),
        selector=_text("What selects the pods; for autoscalers."),
        schema=_object(
            "The database's schema, as the image of the spec sees it.",
            key=_text("Image and database that this was found with."),
            version=_number("Version it is at."),
            target=_number("Version that the image needs."),
            pending=_list("Names of the first pending files.", {"type": "string"}),
            pendingCount=_number("Number of pending files."),
            done=_truth("Whether a result of the image says that nothing is pending."),
            served=_object(
                "Versions of the schema whose application is served.",
                oldest=_number("The oldest."),
                newest=_number("The newest."),
            ),
        ),
        revisions=_list(
            "Good revisions, newest first.",
            _object(
                "One revision.",
                ["hash", "version", "image", "since"],
                hash=_text("Hash of what its pods are made of."),
                version=_text("Version of the service."),
                image=_text("Its image."),
                schema=_number("Version of the schema that it needs."),
                since=_time("When it was found good."),
            ),
            ["hash"],
        ),
        rollout=_object(
            "The rollout under way, and the last one that failed.",
            template=_text("What its pods carry."),
            startedAt=_time("When it began."),
            failed=_object(
                "The revision that was given up. It is not tried again until the spec changes or retry is said.",
                hash=_text("Hash of what its pods are made of."),
                reason=_text("Why, in one word."),
                message=_text("Why, in words."),
            ),
        ),
        attempt=_object(
            "The Job under way, or the last one that failed.",
            task=_text("plan, migrate, seed or smoke."),
            key=_text("What it is for."),
            number=_number("Its number, which is part of its name."),
            failures=_number("Failures in a row."),
            notBefore=_time("When the next attempt starts."),
            givenUp=_truth("Whether none follows."),
            error=_object(
                "What went wrong.",
                reason=_text("In one word."),
                message=_text("In words, with file and statement where there are any."),
                remedy=_text("What to do."),
            ),
        ),
        lastNumber=_number("Number of the last Job of any kind."),
        secretsHash=_text("Hash of the Secrets' content that was last proven by a rollout."),
        seeded=_truth("Whether demo data was loaded."),
        told=_list("Problems that an event has told, while they last.", {"type": "string"}),
        refused=_list(
            "Objects that the API server refused when they were last applied.",
            _object(
                "One object.",
                ["apiVersion", "kind", "name", "message"],
                apiVersion=_text("Its group and version."),
                kind=_text("Its kind."),
                name=_text("Its name."),
                message=_text("What the API server said.", maxLength=LONGEST_MESSAGE),
            ),
        ),
        retryToken=_text("Value of the retry annotation that was acted upon."),
        managedObjects=_list(
            "Objects that are kept as they should be.",
            _object("One object.", ["kind", "name"], kind=_text("Its kind."), name=_text("Its name.")),
            ["kind", "name"],
        ),
        managedObjectsCount=_number("How many these are, also where not all are listed."),
    )
