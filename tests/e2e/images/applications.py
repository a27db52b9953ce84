"""The images we ship, built by the Dockerfile we ship: what e2e tests run is what users get.

Where a registry can be reached, the Dockerfile's own base is used. Elsewhere a base is made of
Debian packages, which also trusts what this machine trusts: outgoing TLS may be inspected.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from e2e.cluster.binaries import cache_folder
from e2e.cluster.processes import ClusterError, environment_path, run, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from e2e.images.engine import Engine

CHECKOUT: Final = Path(__file__).parents[3]

DEBIAN_PACKAGE: Final = "mmdebstrap"

_BASE: Final = "localhost/listings/base:bookworm"
_BASE_PACKAGES: Final = "python3,python3-venv,python3-pip,ca-certificates"
_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_NOT_NEEDED: Final = ("man", "doc", "locale")


@dataclass(frozen=True, slots=True)
class Application:
    """One of the images of this repository."""

    reference: str
    target: str
    """Its stage of the Dockerfile."""


SERVICE: Final = Application("localhost/listings/listings:e2e", "service")
OPERATOR: Final = Application("localhost/listings/listings-operator:e2e", "operator")


def build(engine: Engine, application: Application) -> None:
    """Build an image with the Dockerfile; the engine keeps it."""
    started = time.monotonic()
    options = ["--target", application.target, "--tag", application.reference]
    base = os.environ.get("LISTINGS_E2E_BASE_IMAGE") or ("" if engine.has_registry else _found_base(engine))
    if base:
        options += ["--build-arg", f"BASE_IMAGE={base}"]
    if not engine.has_registry:
        options += ["--network", "host"]  # such an engine has no other
    engine.run("build", *options, CHECKOUT)
    say(f"built {application.reference} in {time.monotonic() - started:.0f} s")


def save(engine: Engine, references: Iterable[str], target: Path) -> Path:
    """Save images as one archive, in which what they share stands once."""
    engine.run("save", "--output", target, *references)
    return target


def _found_base(engine: Engine) -> str:
    """Return the base image made of Debian packages, made at the first call."""
    if not engine.answers("image", "inspect", _BASE):
        archive = cache_folder() / "base.tar"
        _make_base(archive)
        certificates = f"PIP_CERT={_BUNDLE} SSL_CERT_FILE={_BUNDLE}"
        engine.run("import", "--change", f"ENV {certificates}", archive, _BASE)
        archive.unlink()  # the engine keeps it
    return _BASE


def _make_base(archive: Path) -> None:
    program = shutil.which("mmdebstrap", path=environment_path())
    if program is None:
        raise ClusterError(f"{DEBIAN_PACKAGE} is missing: apt-get install {DEBIAN_PACKAGE}")
    started = time.monotonic()
    archive.parent.mkdir(parents=True, exist_ok=True)
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _NOT_NEEDED]
    run(
        program,
        "--variant=minbase",
        f"--include={_BASE_PACKAGES}",
        *excluded,
        # Debian's Python refuses pip outside a virtual environment; the slim images do not.
        '--customize-hook=rm "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
        f'--customize-hook=cp {_BUNDLE} "$1"{_BUNDLE}',
        "bookworm",
        archive,
    )
    say(f"made a base image of Debian packages in {time.monotonic() - started:.0f} s")
