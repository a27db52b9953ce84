"""The local cluster on the command line: `python -m e2e.cluster` with tests/ on the path.

up              start the cluster, or find it running; prints `export KUBECONFIG=...` for eval
down            stop it and undo what it did to the machine
status          every process with its memory
env             the same line as `up` prints, with kubectl and helm on PATH
build [GROUP..] only build the programs: api, node, helm (all when none is named)
load TAR...     take `docker save` archives into the image store
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from e2e.cluster.binaries import GROUPS
from e2e.cluster.local import COMPONENTS, LocalCluster
from e2e.cluster.processes import ClusterError


def main() -> int:
    """Run one command; what is wrong is told in one line."""
    parser = argparse.ArgumentParser(
        prog="python -m e2e.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("up", "down", "status", "env"):
        commands.add_parser(name)
    commands.add_parser("build").add_argument("groups", nargs="*", choices=[[], *GROUPS], metavar="GROUP")
    commands.add_parser("load").add_argument("archives", nargs="+", type=Path, metavar="TAR")
    arguments = parser.parse_args()
    try:
        _run(LocalCluster.from_environment(), arguments)
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    return 0


def _run(cluster: LocalCluster, arguments: argparse.Namespace) -> None:
    match arguments.command:
        case "up":
            cluster.up()
            print(_exports(cluster))
        case "down":
            cluster.down()
        case "env":
            print(_exports(cluster))
        case "build":
            for group in arguments.groups or GROUPS:
                cluster.binaries.build(GROUPS[group])
        case "load":
            for archive in arguments.archives:
                cluster.containers.load(archive)
        case "status":
            for name in COMPONENTS:
                pid = cluster.processes.pid(name)
                print(f"{name:26}{pid or 'stopped':>9}{cluster.processes.resident_mib(name):6} MiB")


def _exports(cluster: LocalCluster) -> str:
    return f"export KUBECONFIG={cluster.layout.kubeconfig} PATH={cluster.binaries.folder}:$PATH"


sys.exit(main())
