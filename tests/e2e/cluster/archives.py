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
    files: Mapping[str, Path | str] = field(default_factory=dict)
    """Path inside -> file outside, executable when that is; or the text of an executable script."""
    folders: Mapping[str, int] = field(default_factory=dict)
    """Path inside -> owner, of folders that must be there and be written to by their owner."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user: str = ""
    workdir: str = "/"


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
    with tarfile.open(layer, "w", format=tarfile.GNU_FORMAT) as archive:
        for inside, owner in sorted(image.folders.items()):
            entry = tarfile.TarInfo(inside.strip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            entry.uid = entry.gid = owner
            archive.addfile(entry)
        for inside, content in sorted(image.files.items()):
            name = inside.lstrip("/")
            if isinstance(content, str):
                _add_bytes(archive, name, content.encode(), mode=0o755)
            else:
                archive.add(content.resolve(), name, recursive=False, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Take out what differs from machine to machine, so that equal files make an equal image."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
