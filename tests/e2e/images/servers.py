"""PostgreSQL and Redis as images, made of this machine's Debian packages.

They carry the names of the images that everybody pulls, and understand the settings of those that
our examples use: a manifest runs unchanged here and where there is a registry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from e2e.cluster.archives import Image
from e2e.images.debian import files_below, programs, with_libraries

POSTGRES: Final = "docker.io/library/postgres:15"
REDIS: Final = "docker.io/library/redis:7"

_SCRIPTS: Final = Path(__file__).parent
_SHELL: Final = ("/bin/sh", "/usr/bin/env")
# Debian's server reads time zones from the system, even this one.
_UTC: Final = "/usr/share/zoneinfo/UTC"

# The number that both well-known images run under.
_USER: Final = 999
_PASSWD: Final = "root:x:0:0:root:/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\nredis:x:999:999::/data:/bin/sh\n"


def postgres() -> Image:
    """PostgreSQL 15 with contrib. Settings: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, PGDATA."""
    home = "/usr/lib/postgresql/15"
    server = {
        # The compiler of queries would bring 120 MB of LLVM along.
        **files_below(f"{home}/bin", f"{home}/lib", "/usr/share/postgresql/15", without=("llvmjit", ".bc")),
        **files_below("/usr/lib/locale/C.utf8"),
        **programs(*_SHELL, _UTC),
    }
    return Image(
        POSTGRES,
        files={
            **with_libraries(server),
            "/entrypoint": (_SCRIPTS / "postgres.sh").read_text(),
            "/etc/passwd": _PASSWD,
        },
        folders={"/tmp": 0, "/var/lib/postgresql/data": _USER, "/var/run/postgresql": _USER},
        entrypoint=("/bin/sh", "/entrypoint"),
        command=("postgres",),
        environment=(f"PATH={home}/bin:/usr/bin:/bin", "PGDATA=/var/lib/postgresql/data", "LANG=C.UTF-8"),
        user=f"{_USER}:{_USER}",
    )


def redis() -> Image:
    """Redis 7, reachable from other pods, as the well-known image is."""
    server = with_libraries(programs("/usr/bin/redis-server", "/usr/bin/redis-cli", *_SHELL))
    return Image(
        REDIS,
        files={**server, "/entrypoint": (_SCRIPTS / "redis.sh").read_text(), "/etc/passwd": _PASSWD},
        folders={"/tmp": 0, "/data": _USER},
        entrypoint=("/bin/sh", "/entrypoint"),
        command=("redis-server",),
        user=f"{_USER}:{_USER}",
        workdir="/data",
    )
