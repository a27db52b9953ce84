"""Images that differ from the service's in one thing: a further migration, or a fault. Stories upgrade to them.

Each is the service's image with a few files on top, so building it takes a second or two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from e2e.images.applications import CHECKOUT, SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from e2e.images.engine import Engine

REPOSITORY: Final = SERVICE.reference.rpartition(":")[0]

_LATEST: Final = max(int(path.name[:6]) for path in (CHECKOUT / "migrations").glob("*.up.sql"))
SCHEMA: Final = _LATEST
"""Schema version of the service's image."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One image, on top of another."""

    version: str
    """What the spec says; also the tag."""
    on: str
    migrations: Mapping[str, str] = field(default_factory=dict)
    """Name of a migration -> its SQL."""
    broken_command: str = ""
    """The subcommand that fails at once; the others work."""

    @property
    def reference(self) -> str:
        return f"{REPOSITORY}:{self.version}"


# The service as it is, under a version of its own.
FIRST: Final = Variant("0.1.0", SERVICE.reference)
SECOND: Final = Variant(
    "0.2.0",
    FIRST.reference,
    {f"{_LATEST + 1:06}_story_note": "ALTER TABLE listings ADD COLUMN story_note text;"},
)
CRASHING: Final = Variant("0.3.0-crashing", SECOND.reference, broken_command="serve")
UNSOUND: Final = Variant("0.3.0-unsound", SECOND.reference, broken_command="smoke")
_THIRD_MIGRATION: Final = f"{_LATEST + 2:06}_story_rating"
FAILING: Final = Variant(
    "0.3.0-failing",
    SECOND.reference,
    {
        _THIRD_MIGRATION: "ALTER TABLE listings ADD COLUMN story_rating integer;\n"
        "UPDATE listings SET story_rating = no_such_column;"
    },
)
MENDED: Final = Variant(
    "0.3.0",
    SECOND.reference,
    {_THIRD_MIGRATION: "ALTER TABLE listings ADD COLUMN story_rating integer;"},
)
ALL: Final = (FIRST, SECOND, CRASHING, UNSOUND, FAILING, MENDED)

_ADD_MIGRATIONS: Final = """\
COPY *.sql /tmp/migrations/
RUN cp /tmp/migrations/* "$(python -c 'from listings.migrate.files import default_folder as f; print(f())')"
"""
# A wrapper in front of the program: everything but one subcommand goes through.
_BREAK_COMMAND: Final = """\
RUN mv /app/bin/listings /app/bin/listings-whole \\
    && printf '#!/bin/sh\\ntest "$1" = {command} && {{ echo "{command} is broken in this image" >&2; exit 3; }}\\n\
exec /app/bin/listings-whole "$@"\\n' > /app/bin/listings && chmod 755 /app/bin/listings
"""


def build(engine: Engine, variant: Variant) -> None:
    """Build one; what it stands on must have been built."""
    with TemporaryDirectory(prefix="listings-variant-") as name:
        folder = Path(name)
        lines = [f"FROM {variant.on}", "USER 0:0"]
        if variant.migrations:
            lines.append(_ADD_MIGRATIONS)
        for migration, sql in variant.migrations.items():
            (folder / f"{migration}.up.sql").write_text(f"-- A change for a story.\n\n{sql}\n")
            (folder / f"{migration}.down.sql").write_text("-- Nothing to undo in a story.\n\nSELECT 1;\n")
        if variant.broken_command:
            lines.append(_BREAK_COMMAND.format(command=variant.broken_command))
        (folder / "Dockerfile").write_text("\n".join([*lines, "USER 10001:10001", ""]))
        options = [] if engine.has_registry else ["--network", "host"]
        engine.run("build", "--quiet", *options, "--tag", variant.reference, folder)
