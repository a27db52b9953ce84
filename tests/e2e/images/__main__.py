"""Brings what README and the examples run to the local cluster: `python -m e2e.images` with tests/ on the path.

Service and operator are built by the Dockerfile, under the names that a user would give them; PostgreSQL and Redis
are made of Debian packages.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from e2e.cluster.local import LocalCluster
from e2e.cluster.processes import ClusterError, say
from e2e.images import applications, servers
from e2e.images.applications import Application
from e2e.images.engine import open_engine


def main() -> int:
    """Build and load; what is wrong is told in one line."""
    release = version("listings")
    ours = [
        Application(f"docker.io/library/listings:{release}", "service"),
        Application(f"docker.io/library/listings-operator:{release}", "operator"),
    ]
    cluster = LocalCluster.from_environment()
    try:
        if not cluster.is_running():
            raise ClusterError('it does not run: eval "$(make -s cluster-up)"')
        for image in (servers.postgres(), servers.redis()):
            cluster.containers.add(image)
        with TemporaryDirectory(prefix="listings-image-") as folder, open_engine() as engine:
            for application in ours:
                applications.build(engine, application)
            references = [application.reference for application in ours]
            cluster.containers.load(applications.save(engine, references, Path(folder) / "images.tar"))
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    say(f"loaded {', '.join([*references, servers.POSTGRES, servers.REDIS])}")
    return 0


sys.exit(main())
