"""Whether the files for TLS can serve, and for how long. Weak keys and signatures cannot: OpenSSL refuses them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from cryptography import x509

from listings.transport.tls import Tls

if TYPE_CHECKING:
    from pathlib import Path

    from listings.doctor.findings import Report
    from listings.settings import TlsSettings

# Renewal by machines happens a month before the end; whoever is at two weeks has missed it.
_SOON: Final = dt.timedelta(days=14)
_OTHERS_MAY_READ: Final = 0o004


def check_certificates(report: Report, tls: TlsSettings) -> None:
    """Files that are named: readable, fitting each other, valid now and a while, the key closed."""
    try:
        if Tls.of(tls) is None:
            return
    except ValueError as error:
        report.error(
            "TLS_UNUSABLE",
            str(error),
            why="The service does not start so, or keeps an older certificate until it restarts.",
            fix="Mount a certificate of at least 2048 bits or P-256, with its own, unencrypted key, readable by the service.",
        )
        return
    assert tls.cert_path is not None
    assert tls.key_path is not None
    before = len(report.findings)
    certificate = x509.load_pem_x509_certificate(tls.cert_path.read_bytes())
    _check_dates(report, certificate, tls.cert_path)
    if tls.key_path.stat().st_mode & _OTHERS_MAY_READ:
        report.warning(
            "TLS_KEY_OPEN",
            f"Every user of this machine may read {tls.key_path}",
            why="Whoever has the key can pretend to be this service.",
            fix=f"chmod 640 {tls.key_path}",
        )
    if len(report.findings) == before:
        report.fine.append(f"certificate for TLS is good until {certificate.not_valid_after_utc:%Y-%m-%d}")


def _check_dates(report: Report, certificate: x509.Certificate, path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    ends = certificate.not_valid_after_utc
    if ends <= now or certificate.not_valid_before_utc > now:
        report.error(
            "TLS_NOT_VALID",
            f"{path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC",
            why="Clients refuse to connect.",
            fix="Renew it there; the service takes it without a restart.",
        )
    elif ends - now < _SOON:
        report.warning(
            "TLS_EXPIRES_SOON",
            f"{path} expires on {ends:%Y-%m-%d}",
            why="Clients refuse to connect from then on, and whatever renews it has not.",
            fix="Renew it there; the service takes it without a restart.",
        )
