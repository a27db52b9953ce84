"""What pods that serve and pods of Jobs have in common: restricted security, credentials, no token, no links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings_operator.desired.config import TLS_FOLDER, secret_variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from listings_operator.desired.manifest import Manifest, Owner
    from listings_operator.spec import ListingsSpec

# Any number but 0 would do: the image's files are readable by everyone. Set here so that an image whose user is a
# name is still known not to run as root.
_USER: Final = 65532
_SCRATCH: Final = "scratch"
_TLS: Final = "tls"


def container(
    spec: ListingsSpec,
    name: str,
    command: Sequence[str],
    *,
    config: str,
    resources: Mapping[str, Mapping[str, str]],
) -> Manifest:
    """A container of the service's image with the settings and credentials of this resource."""
    return {
        "name": name,
        "image": spec.image_reference,
        "imagePullPolicy": spec.image.pull_policy,
        "command": list(command),
        "envFrom": [{"configMapRef": {"name": config}}],
        # The root file system is read-only and the user has no home.
        "env": [{"name": "HOME", "value": "/tmp"}, *secret_variables(spec)],  # noqa: S108 - an emptyDir of the pod
        "resources": {kind: dict(amounts) for kind, amounts in resources.items() if amounts},
        "volumeMounts": [{"name": _SCRATCH, "mountPath": "/tmp"}],  # noqa: S108 - as above
        # Jobs leave their result there; of a process that died without a word the last log lines are taken.
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def pod_spec(spec: ListingsSpec, owner: Owner, main: Manifest) -> Manifest:
    """A pod around one container: fits the restricted pod security standard as it is."""
    document: Manifest = {
        "serviceAccountName": owner.name,
        "automountServiceAccountToken": False,
        # Kubernetes would inject LISTINGS_PORT and the like for a Service named listings.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [main],
        "volumes": [{"name": _SCRATCH, "emptyDir": {"sizeLimit": "64Mi"}}],
    }
    if spec.image.pull_secrets:
        document["imagePullSecrets"] = [{"name": name} for name in spec.image.pull_secrets]
    if spec.pod.node_selector:
        document["nodeSelector"] = dict(spec.pod.node_selector)
    if spec.pod.tolerations:
        document["tolerations"] = [toleration.as_written() for toleration in spec.pod.tolerations]
    if spec.pod.priority_class_name is not None:
        document["priorityClassName"] = spec.pod.priority_class_name
    return document


def mount_tls(spec: ListingsSpec, pod: Manifest, *files: str) -> None:
    """Let the pod's container read these files of the Secret; none where the service speaks no TLS."""
    if spec.tls is None:
        return
    secret = spec.tls.secret_ref
    pod["volumes"].append(
        {
            "name": _TLS,
            "secret": {
                "secretName": secret.name,
                "items": [{"key": secret.keys[file], "path": file} for file in files],
                "defaultMode": 0o440,  # the pod's group, `fsGroup`, reads
            },
        }
    )
    [main] = pod["containers"]
    main["volumeMounts"].append({"name": _TLS, "mountPath": TLS_FOLDER, "readOnly": True})
