"""Make everything that follows from proto/: the Python stubs, the client's methods and the RPC reference.

`make proto` calls `generate`, `make proto-check` (and with it CI) calls `check`; a release calls `baseline`, from
then on `buf breaking` guards what it released. The first two build the whole output in a temporary folder first, so a proto file that does not compile leaves the checkout as it was, and an output
whose proto file is gone is noticed. The outputs are checked in: an installed package needs no protoc, and a
reviewer sees what a change of the interface does to its Python face.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import proto_client
import proto_reference
from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT: Final = Path(__file__).resolve().parent.parent
PROTO: Final = ROOT / "proto"
STUBS: Final = Path("service/listings/v1")
REFERENCE: Final = Path("docs/reference/rpc.md")
CLIENT: Final = Path("service/listings/client/methods.py")

# What `buf breaking` compares with. Until the first release it is the contract this project took over.
BASELINE: Final = PROTO / "baseline.binpb"

# The one file that declares a service. Only it gets client and servicer classes; for the others protoc would
# write empty ones.
SERVICE_FILE: Final = "listings/v1/listings.proto"


def protoc(*arguments: str) -> None:
    """Run the protoc of grpcio-tools, with the plugins of this interpreter's environment first on PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={PROTO}",
        *arguments,
    ]
    subprocess.run(command, check=True, env={**os.environ, "PATH": path})


def sources() -> list[str]:
    """The proto files, named as their imports name them."""
    return sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("listings/v1/*.proto"))


def build(target: Path) -> dict[Path, bytes]:
    """Everything generated, by path relative to the repository."""
    package = target / "service"
    package.mkdir()
    # protoc names stub modules by file path, so proto/listings/v1/stock.proto becomes listings.v1.stock_pb2:
    # the package that imports it anyway. No import line needs rewriting.
    protoc(f"--python_out={package}", f"--mypy_out=quiet:{package}", *sources())
    protoc(f"--grpc_python_out={package}", f"--mypy_grpc_out=quiet:{package}", SERVICE_FILE)
    (target / STUBS / "__init__.py").write_text(
        '"""Stubs of the package listings.v1, generated from proto/ by `make proto`. Never edited."""\n',
        encoding="utf-8",
    )
    descriptors = target / "descriptors.binpb"
    protoc(f"--descriptor_set_out={descriptors}", "--include_source_info", *sources())
    reference = target / REFERENCE
    reference.parent.mkdir(parents=True)
    declared = FileDescriptorSet.FromString(descriptors.read_bytes())
    reference.write_text(proto_reference.render(declared), encoding="utf-8")
    client = target / CLIENT
    client.parent.mkdir(parents=True)
    client.write_text(proto_client.render(declared), encoding="utf-8")
    files = [path for path in (target / STUBS).iterdir() if path.is_file()]
    return {path.relative_to(target): path.read_bytes() for path in [*files, reference, client]}


def checked_in() -> dict[Path, bytes]:
    """What the checkout holds now where `build` would write."""
    files = [path for path in (ROOT / STUBS).glob("*.py*") if path.is_file()]
    others = [ROOT / REFERENCE, ROOT / CLIENT]
    return {path.relative_to(ROOT): path.read_bytes() for path in [*files, *others] if path.exists()}


def generate(fresh: dict[Path, bytes], present: dict[Path, bytes]) -> int:
    """Write what was built, and remove what no proto file makes any more."""
    for path in sorted(present.keys() - fresh.keys()):
        (ROOT / path).unlink()
    for path, content in sorted(fresh.items()):
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(content)
    print(f"{len(fresh)} files generated from proto/")
    return 0


def check(fresh: dict[Path, bytes], present: dict[Path, bytes]) -> int:
    """Name every checked-in file that differs from what proto/ makes; 1 when there is one."""
    drifted = sorted(path for path in fresh.keys() | present.keys() if fresh.get(path) != present.get(path))
    for path in drifted:
        print(f"{path} does not follow from proto/", file=sys.stderr)
    if drifted:
        print("run `make proto` and commit its result", file=sys.stderr)
        return 1
    print(f"{len(fresh)} generated files follow from proto/")
    return 0


def release_baseline() -> int:
    """Freeze the interface as it is: additions since the last baseline become as unchangeable as the rest."""
    protoc(f"--descriptor_set_out={BASELINE}", "--include_imports", *sources())
    print(f"{BASELINE.relative_to(ROOT)} holds the interface of proto/ now")
    return 0


def main() -> int:
    """Run one command; the exit code is 1 when `check` finds a difference."""
    parser = argparse.ArgumentParser(description="Stubs and RPC reference from proto/")
    parser.add_argument("command", choices=["generate", "check", "baseline"])
    command = parser.parse_args().command
    if command == "baseline":
        return release_baseline()
    with tempfile.TemporaryDirectory() as folder:
        fresh = build(Path(folder))
    return (generate if command == "generate" else check)(fresh, checked_in())


if __name__ == "__main__":
    raise SystemExit(main())
