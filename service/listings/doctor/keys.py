"""Whether tokens could be verified with what is configured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

if TYPE_CHECKING:
    from pathlib import Path

    from listings.doctor.findings import Report
    from listings.settings import AuthSettings

SHORTEST_SECRET: Final = 32  # bytes: HS256 is no stronger than its key


def check_keys(report: Report, auth: AuthSettings) -> None:
    """Keys present, readable and of the right kind, when identity is on anywhere."""
    if not (auth.enabled or auth.rest_writes):
        return
    before = len(report.findings)
    if not (auth.public_key_path or auth.jwks_path or auth.hs256_secret):
        report.error(
            "AUTH_WITHOUT_KEY",
            "Tokens are to be verified, but no key is configured",
            why="The service does not start so.",
            fix="Set LISTINGS_AUTH_PUBLIC_KEY_PATH, or LISTINGS_AUTH_JWKS_PATH.",
        )
    if auth.public_key_path:
        text = _read(report, auth.public_key_path, "LISTINGS_AUTH_PUBLIC_KEY_PATH")
        try:
            if text is not None:
                load_pem_public_key(text)
        except (ValueError, UnsupportedAlgorithm):
            report.error(
                "AUTH_KEY_INVALID",
                f"{auth.public_key_path} holds no public key",
                why="Every token would be refused.",
                fix="Write the PEM of the issuer's public key there: openssl rsa -in private.pem -pubout",
            )
    if auth.jwks_path:
        text = _read(report, auth.jwks_path, "LISTINGS_AUTH_JWKS_PATH")
        try:
            if text is not None:
                jwt.PyJWKSet.from_dict(json.loads(text))
        except (ValueError, KeyError, AttributeError, jwt.PyJWTError):
            report.error(
                "AUTH_KEY_INVALID",
                f"{auth.jwks_path} holds no key set",
                why="Every token would be refused.",
                fix="Save the issuer's JWKS document there.",
            )
    if auth.hs256_secret and len(auth.hs256_secret.get_secret_value().encode()) < SHORTEST_SECRET:
        report.error(
            "AUTH_SECRET_WEAK",
            f"LISTINGS_AUTH_HS256_SECRET is shorter than {SHORTEST_SECRET} bytes",
            why="Who guesses it writes tokens of any user.",
            fix="python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
        )
    if len(report.findings) == before:
        report.fine.append("keys for tokens can be read")


def _read(report: Report, path: Path, variable: str) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        report.error(
            "AUTH_KEY_UNREADABLE",
            f"{variable}={path} cannot be read: {error.strerror}",
            why="The service does not start without its key.",
            fix="Mount the file there and let the service's user read it.",
        )
        return None
