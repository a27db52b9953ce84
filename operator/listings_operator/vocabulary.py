"""The words that status and events speak, each with its meaning: phases, types of conditions, reasons.

People look them up in `docs/reference/custom-resource.md`, which `tools/reference.py` writes from here, and machines
match them; so every word that is ever written stands here, and mypy refuses any other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class _Described(StrEnum):
    """Words with their meaning."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member


class Phase(_Described):
    """Where a resource is, in one word for people. Never read back: the ledger is."""

    SUSPENDED = ("Suspended", "`spec.suspend` is true: everything stays as it is.")
    DELETING = ("Deleting", "The resource goes away, and Kubernetes removes what belongs to it.")
    WAITING = (
        "Waiting",
        "For something that only people can bring: a Secret, a name that somebody else holds.",
    )
    PLANNING = ("Planning", "A Job of the wanted image looks at what is pending in the database.")
    MIGRATING = ("Migrating", "A Job of the wanted image brings the schema to what that image needs.")
    BLOCKED = ("Blocked", "The schema cannot be brought there; what ran before goes on.")
    SEEDING = ("Seeding", "Demo data is loaded.")
    ROLLING_OUT = ("RollingOut", "Pods of the new revision take over.")
    VERIFYING = ("Verifying", "They have taken over, and the smoke test runs.")
    ROLLING_BACK = ("RollingBack", "The last good revision takes over again.")
    ROLLED_BACK = ("RolledBack", "The last good revision serves; the one in the spec was given up.")
    FAILED = ("Failed", "The rollout failed, and there is nothing to go back to.")
    READY = ("Ready", "The spec is reached.")


class ConditionType(_Described):
    """Every condition that is ever set; all of them are, always."""

    READY = ("Ready", "Whether the spec is reached: migrated, rolled out, tested, and a pod serves.")
    PROGRESSING = ("Progressing", "Whether the operator, or Kubernetes for it, is bringing something about.")
    STALLED = ("Stalled", "Whether it takes a person: the message says what to do.")
    AVAILABLE = ("Available", "Whether pods serve, of whichever revision.")
    DEPENDENCIES_READY = ("DependenciesReady", "Whether Secrets and free names are there.")
    SCHEMA_CURRENT = ("SchemaCurrent", "Whether the database's schema is where the wanted image needs it.")
    ROLLOUT_HEALTHY = ("RolloutHealthy", "Whether the last rollout was proven; Unknown while none has ended.")
    OBSERVABILITY_READY = (
        "ObservabilityReady",
        "Whether rules, scraping and dashboards are provisioned. Never holds up the rollout.",
    )


class Reason(StrEnum):
    """Why. With a remedy it is trouble, and its event a Warning; without one it is news."""

    meaning: str
    remedy: str

    def __new__(cls, word: str, meaning: str, remedy: str = "") -> Self:
        """A reason with what it means, and what to do about it."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        member.remedy = remedy
        return member

    # As it should be.
    READY = ("Ready", "The spec is reached.")
    NOT_STALLED = ("NotStalled", "Nothing waits for a person.")
    PODS_AVAILABLE = ("PodsAvailable", "At least one pod serves, or none is wanted.")
    ALL_PRESENT = ("AllPresent", "Everything that others bring is there.")
    SCHEMA_CURRENT = ("SchemaCurrent", "The schema is where the image needs it.")
    PROVEN = ("Proven", "The revision took over and was checked.")
    PROVISIONED = ("Provisioned", "Rules, scraping and dashboards are in place.")

    # On the way.
    PLAN_RUNNING = ("PlanRunning", "A Job asks the image what is pending in the database.")
    MIGRATION_PLANNED = (
        "MigrationPlanned",
        "What is pending stands in `status.schema`; the migration follows.",
    )
    MIGRATION_RUNNING = ("MigrationRunning", "A Job migrates; what ran before goes on serving.")
    EARLIER_MIGRATION_RUNNING = (
        "EarlierMigrationRunning",
        "The migration of an earlier spec still runs; nothing starts before it has ended.",
    )
    SEED_RUNNING = ("SeedRunning", "A Job loads the demo catalog.")
    ROLLOUT_RUNNING = ("RolloutRunning", "Pods of the new revision are taking over.")
    SMOKE_RUNNING = ("SmokeRunning", "A Job checks the new pods as a client would.")
    SUSPENDED = ("Suspended", "`spec.suspend` is true.")
    DELETING = ("Deleting", "The resource is going away.")
    DRIFT_CORRECTED = (
        "DriftCorrected",
        "Somebody had changed or deleted an object of this resource; it is again as the resource says. Event only.",
    )

    # What others bring.
    SECRET_MISSING = (
        "SecretMissing",
        "A Secret that the spec names does not exist. Running pods keep their values.",
        "Create it; it is noticed within 15 s.",
    )
    SECRET_KEY_MISSING = (
        "SecretKeyMissing",
        "A Secret lacks a key, or the key is empty. Running pods keep their values.",
        "Add the key, or name the one that the Secret has in `secretRef`.",
    )
    CHILD_OWNED_BY_ANOTHER = (
        "ChildOwnedByAnother",
        "An object stands under a name that this resource needs, and belongs to somebody else. It is left alone.",
        "Remove or rename that object, or give the resource another name.",
    )
    SPEC_INVALID = (
        "SpecInvalid",
        "The spec was stored under an older schema, and this operator cannot read it. Nothing is touched.",
        "Apply a spec that the present schema accepts.",
    )
    OBJECT_REFUSED = (
        "ObjectRefused",
        "The API server refuses an object of this resource: a quota, an admission policy, a missing right.",
        "Do what its message says; it is tried again by itself. A refused rule, monitor or dashboard holds up nothing else.",
    )

    # The image.
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        "The node cannot get the image. What ran before goes on.",
        "Correct `spec.image` or `spec.version`, or the credentials in `spec.image.pullSecrets`.",
    )
    CONTAINER_CONFIG_INVALID = (
        "ContainerConfigInvalid",
        "The kubelet cannot make the container: a Secret or a key went away meanwhile, or the image's user is root.",
        "Bring back what the message names.",
    )
    POD_NOT_PLACED = (
        "PodNotPlaced",
        "No node has room for a pod of a Job. What ran before goes on.",
        "Nothing, if nodes are on their way. Otherwise give the cluster room, or correct `spec.pod`.",
    )
    CRASH_LOOP = (
        "CrashLoop",
        "A process of the new revision keeps ending. The last good revision comes back if the live schema serves it.",
        (
            "The message holds its last words, `kubectl logs --previous` the rest. Mend the image or its settings and change "
            "the spec, or say retry."
        ),
    )

    # The database.
    DATABASE_UNREACHABLE = (
        "DatabaseUnreachable",
        "A Job got no connection to PostgreSQL, or lost it.",
        "Nothing, if it is an outage: it is tried again at growing pauses. Otherwise correct the address in the Secret.",
    )
    DATABASE_LOGIN_REFUSED = (
        "DatabaseLoginRefused",
        "PostgreSQL answered and refused role, password or database. Running pods keep their values.",
        "Correct the Secret, or the role in PostgreSQL; both are noticed, at the latest after five minutes.",
    )
    DATABASE_LOCKED = (
        "DatabaseLocked",
        "Another runner migrates this database, or a table stayed locked through every retry.",
        "It is tried again at growing pauses. Look for long transactions: `select * from pg_stat_activity`.",
    )
    PLAN_FAILED = (
        "PlanFailed",
        "The Job that looks at the schema ended without a result.",
        "The message holds its last words. It is tried again at growing pauses.",
    )
    MIGRATIONS_PENDING = (
        "MigrationsPending",
        "Files are pending and `spec.migrations.strategy` is Off.",
        "Run `listings migrate up` with the wanted image, or set the strategy to Auto.",
    )
    MIGRATION_FAILED = (
        "MigrationFailed",
        "PostgreSQL refused a statement; the version before that file is intact, and what ran before goes on.",
        "The message names file and error. Mend the data or ship a mended file in a new version, or say retry.",
    )
    MIGRATION_INCOMPLETE = (
        "MigrationIncomplete",
        "A migration ended well at another version than the image needs.",
        "Compare `listings migrate status` of this image with `status.schema`, then say retry.",
    )
    MIGRATION_FILES_INVALID = (
        "MigrationFilesInvalid",
        "The image's migration files are incomplete, ambiguous, or edited after they were applied.",
        "Ship an image whose applied files are as they were.",
    )
    SCHEMA_UNKNOWN_TO_IMAGE = (
        "SchemaUnknownToImage",
        "The schema is newer than the image, or not one that its files continue. What ran before goes on.",
        "Use the image that the schema was migrated with, or a newer one. A schema is never taken back by itself.",
    )
    SCHEMA_DIRTY = (
        "SchemaDirty",
        "Another tool left a version half applied.",
        "Finish or undo it by hand, then `listings migrate force VERSION --yes`, then say retry.",
    )
    SEED_FAILED = (
        "SeedFailed",
        "The demo catalog could not be loaded.",
        "The message holds what its Job said. Say retry, or go without: `spec.seed: none`.",
    )

    # The rollout.
    PROGRESS_DEADLINE_EXCEEDED = (
        "ProgressDeadlineExceeded",
        (
            "No further pod became available within `rollout.progressDeadlineSeconds`. "
            "The last good revision comes back if the live schema serves it."
        ),
        "The message names what a pod waits for. Mend it and change the spec, or say retry.",
    )
    SMOKE_FAILED = (
        "SmokeFailed",
        "The new pods did not do what a client needs. The last good revision comes back if the live schema serves it.",
        "The message names the check. Mend the image and change the spec, or say retry.",
    )
    ROLLING_BACK = (
        "RollingBack",
        "The last good revision takes over again.",
        "Wait for it; the message says what failed.",
    )
    NO_POD_AVAILABLE = (
        "NoPodAvailable",
        "The revision was proven, but no pod serves at the moment.",
        "The message names a pod that cannot run; `kubectl describe pod` says more. With the database away, mend that.",
    )

    # Beside the workload.
    RULE_FILE_INVALID = (
        "RuleFileInvalid",
        "A file of `alerts/` is no rule file, or one of its expressions does not parse. Every other file is provisioned.",
        "Mend the file that the message names, in the operator's image.",
    )
    DASHBOARD_INVALID = (
        "DashboardInvalid",
        "A file of `dashboards/` is not one JSON object. Every other file is provisioned.",
        "Mend the file that the message names, in the operator's image.",
    )

    UNKNOWN = (
        "Unknown",
        "Written by another version of the operator, which knew a reason that this one does not.",
        "The message says more. Run the newer of the two.",
    )

    @property
    def is_trouble(self) -> bool:
        """Whether somebody may have to do something."""
        return bool(self.remedy)

    @classmethod
    def read(cls, word: str) -> Reason:
        """A reason as a status holds it, whichever version of the operator wrote it."""
        return next((reason for reason in cls if reason == word), cls.UNKNOWN)
