"""Image archives made without an engine are what an engine would make, and always the same."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

from e2e.cluster.archives import Image, write_archive


def read(archive, name) -> bytes:
    with tarfile.open(archive) as tar:
        content = tar.extractfile(name)
        assert content is not None
        return content.read()


def image(tmp_path, **changes: Any) -> Image:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    values = {"files": {"/bin/program": program}, "entrypoint": ("/bin/program",), "user": "5:5", **changes}
    return Image("localhost/test:1", **values)


def test_digests_name_what_they_are_digests_of(tmp_path):
    archive = write_archive(image(tmp_path), tmp_path / "image.tar")
    [manifest] = json.loads(read(archive, "manifest.json"))
    assert manifest["RepoTags"] == ["localhost/test:1"]
    config, layer = read(archive, manifest["Config"]), read(archive, manifest["Layers"][0])
    assert manifest["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert json.loads(config)["config"]["User"] == "5:5"


def test_equal_images_are_equal_bytes_whenever_they_are_made(tmp_path):
    first = write_archive(image(tmp_path), tmp_path / "first.tar").read_bytes()
    (tmp_path / "program").touch()
    second = write_archive(image(tmp_path), tmp_path / "second.tar").read_bytes()
    assert hashlib.sha256(layer_of(first)).digest() == hashlib.sha256(layer_of(second)).digest()


def test_files_belong_to_root_and_folders_to_whom_they_are_given(tmp_path):
    content = image(tmp_path, folders={"/data": 999}, files={"/run": "#!/bin/sh\n"})
    layer = layer_of(write_archive(content, tmp_path / "image.tar").read_bytes())
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        data, run = tar.getmember("data"), tar.getmember("run")
    assert (data.uid, data.isdir()) == (999, True)
    assert (run.uid, run.mode) == (0, 0o755)


def layer_of(archive: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        [name] = [name for name in tar.getnames() if name.endswith(".tar")]
        content = tar.extractfile(name)
        assert content is not None
        return content.read()
