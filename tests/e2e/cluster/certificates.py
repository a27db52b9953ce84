"""Certificates and kubeconfigs of a throw-away cluster: one authority for everything, one for the front proxy.

Who a component is, the API server reads from its certificate: the common name is the user, the
organisations are the groups. Nothing here is meant to guard more than a test cluster.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from e2e.cluster.files import put

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_VALID_FOR: Final = dt.timedelta(days=365)
_CLOCK_SKEW: Final = dt.timedelta(hours=1)

ADMINISTRATORS: Final = "system:masters"


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates into one folder: <name>.crt and <name>.key."""

    folder: Path
    name: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def found_or_made(cls, folder: Path, name: str) -> Authority:
        """Read the authority from its folder, or make it there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
        if certificate_file.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return cls(folder, name, x509.load_pem_x509_certificate(certificate_file.read_bytes()), key)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"kubelab {name}")])
        certificate = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(folder, name, certificate, key)
        return cls(folder, name, certificate, key)

    def issue(self, name: str, user: str, *, groups: Sequence[str] = (), hosts: Sequence[str] = ()) -> None:
        """Write <name>.crt and <name>.key for a user (or a server, by its hosts), unless they are there."""
        if (self.folder / f"{name}.crt").exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
                x509.NameAttribute(NameOID.COMMON_NAME, user),
            ]
        )
        builder = (
            _builder(subject, self.certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            # Newer Pythons verify strictly: without it they refuse the certificate.
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        _write(self.folder, name, builder.sign(self.key, hashes.SHA256()), key)

    def kubeconfig(self, name: str, server: str, target: Path) -> Path:
        """Write a kubeconfig that shows the certificate <name> to a server."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "kubelab",
            "clusters": [
                {
                    "name": "kubelab",
                    "cluster": {
                        "server": server,
                        "certificate-authority-data": self._encoded(self.name, "crt"),
                    },
                }
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "client-certificate-data": self._encoded(name, "crt"),
                        "client-key-data": self._encoded(name, "key"),
                    },
                }
            ],
            "contexts": [{"name": "kubelab", "context": {"cluster": "kubelab", "user": name}}],
        }
        return put(target, json.dumps(config, indent=1) + "\n", mode=0o600)

    def _encoded(self, name: str, suffix: str) -> str:
        return base64.b64encode((self.folder / f"{name}.{suffix}").read_bytes()).decode()


def service_account_keys(folder: Path) -> tuple[Path, Path]:
    """Return the files of the private and the public key of service account tokens, made if missing."""
    private, public = folder / "service-accounts.key", folder / "service-accounts.pub"
    if not public.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private.touch(mode=0o600)
        private.write_bytes(_pem(key))
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    return private, public


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID_FOR)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    key_file = folder / f"{name}.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(_pem(key))
    # Last: whoever finds the certificate finds its key too.
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
