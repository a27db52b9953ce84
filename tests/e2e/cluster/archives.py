"""Makes image archives without a container engine: what `docker save` writes, one layer, byte for byte the same each time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Image:
    """What an image holds and how it starts."""

    reference: str
    files: Mapping[str, Path] = field(default_factory=dict)
    """Path inside -> file outside. Executable when the file outside is."""
    root: Path | None = None
    """A folder that becomes the root; `files` are laid over it."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user: str = ""
    workdir: str = "/"
    owners: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Path inside -> owner and group; everything else belongs to root."""


def write_archive(image: Image, target: Path) -> Path:
    """Write the archive, which `docker load` and containerd's import both read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    layer = target.with_suffix(".layer")
    try:
        _write_layer(image, layer)
        digest = _sha256(layer)
        config = _json(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": "2000-01-01T00:00:00Z",
                "config": {
                    "Entrypoint": list(image.entrypoint) or None,
                    "Cmd": list(image.command) or None,
                    "Env": [_PATH, *image.environment],
                    "User": image.user,
                    "WorkingDir": image.workdir,
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
                "history": [{"created_by": "kubelab"}],
            }
        )
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        manifest = _json([{"Config": name, "RepoTags": [image.reference], "Layers": [f"{digest}.tar"]}])
        with tarfile.open(target, "w") as archive:
            _add_bytes(archive, name, config)
            _add_bytes(archive, "manifest.json", manifest)
            archive.add(layer, f"{digest}.tar", filter=_plain)
    finally:
        layer.unlink(missing_ok=True)
    return target


def _write_layer(image: Image, layer: Path) -> None:
    def owned(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry = _plain(entry)
        entry.uid, entry.gid = image.owners.get(f"/{entry.name}", (0, 0))
        return entry

    with tarfile.open(layer, "w", format=tarfile.GNU_FORMAT) as archive:
        if image.root is not None:
            for path in sorted(image.root.rglob("*")):
                archive.add(path, str(path.relative_to(image.root)), recursive=False, filter=owned)
        for inside, outside in sorted(image.files.items()):
            archive.add(outside.resolve(), inside.lstrip("/"), recursive=False, filter=owned)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Take out what differs from machine to machine, so that equal files make an equal image."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
