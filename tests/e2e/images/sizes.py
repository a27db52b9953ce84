"""What an image weighs on its way through a registry: its layers, compressed as registries keep them."""

from __future__ import annotations

import json
import tarfile
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK: Final = 1 << 20
_GZIP: Final = 31  # what zlib calls a gzip frame
_USUAL_LEVEL: Final = 6
# The first step of ours on top of a base.
_OURS_BEGINS_WITH: Final = "groupadd --gid 10001"


class Weight(NamedTuple):
    """Compressed bytes."""

    base: int
    added: int


def weigh(archive: Path) -> Weight:
    """Weigh the first image of an archive, as `docker save` writes it."""
    with tarfile.open(archive) as content:
        [image, *_] = _json(content, "manifest.json")
        steps = [step for step in _json(content, image["Config"])["history"] if not step.get("empty_layer")]
        of_base = next(
            number for number, step in enumerate(steps) if _OURS_BEGINS_WITH in step.get("created_by", "")
        )
        weights = [_compressed(content, name) for name in image["Layers"]]
    return Weight(sum(weights[:of_base]), sum(weights[of_base:]))


def _json(content: tarfile.TarFile, name: str) -> Any:
    file = content.extractfile(name)
    assert file is not None
    return json.load(file)


def _compressed(content: tarfile.TarFile, name: str) -> int:
    layer = content.extractfile(name)
    assert layer is not None
    compressor = zlib.compressobj(_USUAL_LEVEL, wbits=_GZIP)
    length = 0
    while chunk := layer.read(_CHUNK):
        length += len(compressor.compress(chunk))
    return length + len(compressor.flush())
