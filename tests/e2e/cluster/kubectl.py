"""kubectl, for tests: commands as words, objects as dicts."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FORWARDED: Final = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


class KubectlError(Exception):
    """kubectl refused, or the API server did; the text is what was said."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl against one cluster, as one user, in one namespace."""

    binary: Path
    kubeconfig: Path
    options: tuple[str, ...] = field(default=())

    def __call__(self, *arguments: str, stdin: str | None = None, seconds: float = 120.0) -> str:
        """Run kubectl and return what it printed; raise KubectlError with its complaint."""
        command = [str(self.binary), f"--kubeconfig={self.kubeconfig}", *self.options, *arguments]
        done = subprocess.run(
            command, input=stdin, text=True, capture_output=True, check=False, timeout=seconds
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip() or f"kubectl {' '.join(arguments)}: {done.returncode}")
        return done.stdout

    def within(self, namespace: str) -> Kubectl:
        """Return the same for one namespace."""
        return Kubectl(self.binary, self.kubeconfig, (*self.options, f"--namespace={namespace}"))

    def impersonating(self, user: str) -> Kubectl:
        """Return the same as another user: `system:serviceaccount:<namespace>:<name>` for an account."""
        return Kubectl(self.binary, self.kubeconfig, (*self.options, f"--as={user}"))

    def apply(self, *objects: Mapping[str, Any], manager: str = "tests") -> None:
        """Apply objects server-side, as one field manager."""
        self("apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=_as_list(objects))

    def create(self, *objects: Mapping[str, Any]) -> None:
        """Create objects that may not exist yet."""
        self("create", "-f", "-", stdin=_as_list(objects))

    def get(self, kind: str, *names: str) -> Any:
        """Return an object, or the list of all of a kind when no name is given."""
        answer = json.loads(self("get", kind, *names, "--output=json"))
        return answer if names else answer["items"]

    def delete(self, kind: str, name: str) -> None:
        """Delete an object and wait until it is gone; nothing happens when there is none."""
        self("delete", kind, name, "--ignore-not-found")

    def wait(self, condition: str, *names: str, seconds: int = 180) -> None:
        """Wait for a condition of objects, as `kubectl wait --for=<condition>` does."""
        self("wait", f"--for={condition}", f"--timeout={seconds}s", *names, seconds=seconds + 10.0)

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[str]:
        """Give a local address that leads to one pod of a target, such as `service/listings`."""
        command = [str(self.binary), f"--kubeconfig={self.kubeconfig}", *self.options]
        with subprocess.Popen(
            [*command, "port-forward", target, f":{port}"],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                assert process.stdout is not None
                found = _FORWARDED.search(process.stdout.readline())
                if found is None:
                    process.terminate()
                    raise KubectlError(process.communicate()[1].strip())
                yield f"127.0.0.1:{found[1]}"
            finally:
                process.terminate()


def _as_list(objects: tuple[Mapping[str, Any], ...]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
