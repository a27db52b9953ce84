"""TLS for both edges from one pair of files, which may be replaced while the service runs.

Each handshake asks for the certificates as the files hold them: grpcio through its fetcher, HTTP through
the callback that OpenSSL makes for every connection. Connections that stand keep what they began with.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from cryptography import x509

from listings.file_values import FileValue

if TYPE_CHECKING:
    from pathlib import Path

    from listings.settings import TlsSettings


@dataclass(frozen=True, slots=True)
class _Certificates:
    """One state of the files, as each edge wants it."""

    context: ssl.SSLContext
    configuration: grpc.ServerCertificateConfiguration
    expires: float


class Tls:
    """The service's certificate, and the authority that clients' certificates must come from."""

    def __init__(self, settings: TlsSettings, cert_path: Path, key_path: Path) -> None:
        """Raises ValueError naming the setting whose file cannot serve."""
        self._settings = settings
        self._cert_path = cert_path
        self._key_path = key_path
        paths = [cert_path, key_path, *([settings.client_ca_path] if settings.client_ca_path else [])]
        self._certificates = FileValue(
            paths, self._load, what="certificates for TLS", seconds=settings.reload_seconds
        )

    @classmethod
    def of(cls, settings: TlsSettings) -> Tls | None:
        """What the settings ask for; None where they name no certificate.

        Raises ValueError naming the setting where one is missing beside another.
        """
        wants_clients = settings.client_certificates != "none"
        if wants_clients != (settings.client_ca_path is not None):
            raise ValueError(
                "LISTINGS_TLS_CLIENT_CERTIFICATES and LISTINGS_TLS_CLIENT_CA_PATH serve together only: "
                "say optional or required, and name who signs clients' certificates"
            )
        if settings.cert_path is None and settings.key_path is None:
            if wants_clients:
                raise ValueError("LISTINGS_TLS_CLIENT_CERTIFICATES needs TLS: set LISTINGS_TLS_CERT_PATH")
            return None
        if settings.cert_path is None or settings.key_path is None:
            raise ValueError("LISTINGS_TLS_CERT_PATH and LISTINGS_TLS_KEY_PATH serve together only: set both")
        return cls(settings, settings.cert_path, settings.key_path)

    def grpc_credentials(self) -> grpc.ServerCredentials | None:
        """What grpcio listens with; None where gRPC stays without TLS.

        grpcio asks for a client's certificate only where it requires one: `optional` is `none` here.
        """
        if self._settings.edges == "http":
            return None
        used = self._certificates.current()

        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal used
            newest = self._certificates.current()
            if newest is used:
                return None
            used = newest
            return newest.configuration

        return grpc.dynamic_ssl_server_credentials(
            used.configuration,
            changed,  # type: ignore[arg-type] # None means unchanged, which its stubs do not know
            require_client_authentication=self._settings.client_certificates == "required",
        )

    def http_context(self) -> ssl.SSLContext | None:
        """What HTTP listens with; None where HTTP stays without TLS."""
        if self._settings.edges == "grpc":
            return None
        context = self._certificates.current().context
        context.sni_callback = self._use_newest
        return context

    def expires(self) -> float:
        """When the first certificate of the chain in use expires, in seconds since 1970."""
        return self._certificates.current().expires

    def _use_newest(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._certificates.current().context

    def _load(self) -> _Certificates:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # TLS 1.2 and later, and strong ciphers alone
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._cert_path, self._key_path, password=_no_password)
            pair = (self._key_path.read_bytes(), self._cert_path.read_bytes())
            chain = x509.load_pem_x509_certificates(pair[1])
        except (OSError, ValueError) as error:
            raise ValueError(
                "LISTINGS_TLS_CERT_PATH and LISTINGS_TLS_KEY_PATH: no certificate with its own key: "
                f"{_why(error)}"
            ) from error
        authority: bytes | None = None
        if settings.client_ca_path is not None:
            try:
                context.load_verify_locations(settings.client_ca_path)
                authority = settings.client_ca_path.read_bytes()
            except OSError as error:
                raise ValueError(
                    f"LISTINGS_TLS_CLIENT_CA_PATH: no certificate of an authority: {_why(error)}"
                ) from error
            required = settings.client_certificates == "required"
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
            # A resumed session would be believed by an authority that is no longer trusted.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return _Certificates(
            context,
            grpc.ssl_server_certificate_configuration([pair], authority),
            min(each.not_valid_after_utc for each in chain).timestamp(),
        )


def _no_password() -> str:
    """OpenSSL would ask a person at the terminal for it, and wait."""
    raise ValueError("the key is encrypted, and nobody is here to say its password")


def _why(error: Exception) -> str:
    """What OpenSSL or the system said; neither quotes what stands in the file."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "unreadable").replace("_", " ").lower()
    return (error.strerror or "unreadable") if isinstance(error, OSError) else str(error)
