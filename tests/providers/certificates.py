"""Certificates for tests: an authority, and what it signs, as PEM files that can be written again."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as bytes and as the files they stand in."""

    cert_path: Path
    key_path: Path
    certificate: x509.Certificate

    @property
    def chain(self) -> bytes:
        return self.cert_path.read_bytes()

    @property
    def key(self) -> bytes:
        return self.key_path.read_bytes()


class Authority:
    """Signs certificates for 127.0.0.1 and `localhost`, or another host; its own stands in `path`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _signed(name, self._key, issuer=name, signing_key=self._key, authority=True)
        self.path = folder / f"{name}.crt"
        self.path.write_bytes(self.pem)

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def sign(
        self,
        name: str,
        *,
        key: Any = None,
        valid: dt.timedelta = 30 * DAY,
        digest: hashes.HashAlgorithm | None = None,
        host: str = "localhost",
    ) -> Pair:
        """Write `name`.crt and `name`.key; a second time: over the first, with another key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(
            name,
            key,
            issuer=self._name,
            signing_key=self._key,
            valid=valid,
            digest=digest or hashes.SHA256(),
            host=host,
        )
        cert_path, key_path = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.touch(mode=0o600)
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Pair(cert_path, key_path, certificate)


def _signed(
    name: str,
    key: Any,
    *,
    issuer: str,
    signing_key: CertificateIssuerPrivateKeyTypes,
    authority: bool = False,
    valid: dt.timedelta = 30 * DAY,
    digest: Any = None,
    host: str = "localhost",
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),  # type: ignore[arg-type] # EC or RSA
            critical=False,
        )
        .sign(signing_key, digest or hashes.SHA256())
    )
