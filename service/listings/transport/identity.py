"""Bearer tokens verified locally: RS256 with a key file or a JWKS file, HS256 for development.

Which key serves is decided by the token's algorithm alone, never by what the key could also be used
for: the text of a public key is no shared secret. What was wrong with a token is told as a stable
reason; the text is one for all, and no part of a token is ever logged or answered.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from listings.domain.errors import FieldViolation, Unauthenticated
from listings.transport.call import Identity

if TYPE_CHECKING:
    from pathlib import Path

    from listings.settings import AuthSettings

# No token of ours is longer; parsing megabytes of base64 before refusing them would be a gift.
_LONGEST_TOKEN: Final = 8192
# RFC 7518 section 3.2: an HS256 key must have at least as many bytes as the hash.
_SHORTEST_SECRET_BYTES: Final = 32
# What clocks of issuer and service may differ.
_LEEWAY_SECONDS: Final = 5
_HIGHEST_ID: Final = 2**63 - 1
_LONGEST_ID: Final = 19

# PyJWT's exceptions, most special first, and the reason each becomes.
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (jwt.ExpiredSignatureError, "TOKEN_EXPIRED"),
    (jwt.ImmatureSignatureError, "TOKEN_NOT_YET_VALID"),
    (jwt.InvalidIssuerError, "TOKEN_ISSUER"),
    (jwt.InvalidAudienceError, "TOKEN_AUDIENCE"),
    (jwt.InvalidSignatureError, "TOKEN_SIGNATURE"),
)
# What mends it; any other reason: a token that some other service gave, or that was damaged on its way.
_REMEDIES: Final = {
    "TOKEN_MISSING": "send `authorization: Bearer TOKEN`",
    "TOKEN_EXPIRED": "it has expired: get a new one",
    "TOKEN_NOT_YET_VALID": "it is not valid yet: compare the clocks of its issuer and this service",
    "TOKEN_ISSUER": "another issuer made it: get one from the issuer this service trusts",
    "TOKEN_AUDIENCE": "it is meant for another service: get one for this service",
    "TOKEN_TOO_LONG": f"it has more than {_LONGEST_TOKEN} characters",
    "TOKEN_SUBJECT": "it names no user: user_id (or sub) must be a positive number",
}
_ANY_REMEDY: Final = "it was not signed for this service, or was damaged: get a new one"
_MISSING: Final = {"iss": "TOKEN_ISSUER", "aud": "TOKEN_AUDIENCE"}


class TokenVerifier:
    """Turns an `authorization` header into an Identity, or says why not."""

    def __init__(self, settings: AuthSettings) -> None:
        """Reads the keys once; raises ValueError naming the setting that is missing or cannot serve."""
        self._settings = settings
        self._hs256 = _shared_secret(settings)
        self._rs256 = _public_key(settings.public_key_path) if settings.public_key_path else None
        self._jwks = _key_set(settings.jwks_path) if settings.jwks_path else None
        if self._hs256 is None and self._rs256 is None and self._jwks is None:
            raise ValueError(
                "identity is on but no key is configured: set LISTINGS_AUTH_PUBLIC_KEY_PATH, "
                "LISTINGS_AUTH_JWKS_PATH or, for development, LISTINGS_AUTH_HS256_SECRET"
            )
        self._required = ["exp"]
        if settings.issuer is not None:
            self._required.append("iss")
        if settings.audience is not None:
            self._required.append("aud")

    def identity_of(self, header: str) -> Identity:
        """The verified caller; raises Unauthenticated with a reason of its own for each defect."""
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise token_missing()
        if len(token) > _LONGEST_TOKEN:
            raise _rejected("TOKEN_TOO_LONG")
        try:
            key, algorithm = self._key_for(token)
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                options={
                    "require": self._required,
                    "verify_sub": False,  # read below: some issuers write it as a number
                    "verify_aud": self._settings.audience is not None,
                    "verify_iss": self._settings.issuer is not None,
                },
                leeway=_LEEWAY_SECONDS,
            )
        except jwt.MissingRequiredClaimError as error:
            raise _rejected(_MISSING.get(error.claim, "TOKEN_INVALID")) from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            known = (reason for kind, reason in _REASONS if isinstance(error, kind))
            raise _rejected(next(known, "TOKEN_INVALID")) from None
        return self._identity(claims)

    def _key_for(self, token: str) -> tuple[Any, str]:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm == "HS256" and self._hs256 is not None:
            return self._hs256, "HS256"
        if algorithm == "RS256" and self._jwks is not None:
            key = self._jwks.get(str(header.get("kid", "")))
            if key is not None:
                return key, "RS256"
            if self._rs256 is None:
                raise _rejected("TOKEN_KEY")
        if algorithm == "RS256" and self._rs256 is not None:
            return self._rs256, "RS256"
        raise _rejected("TOKEN_ALGORITHM")

    def _identity(self, claims: dict[str, Any]) -> Identity:
        user_id = _user_id(claims.get("user_id", claims.get("sub")))
        given = claims.get("roles", [])
        roles = frozenset(str(role) for role in (given if isinstance(given, list) else [given]))
        return Identity(user_id, roles, is_admin=self._settings.admin_role in roles)


def token_missing() -> Unauthenticated:
    """The refusal of a caller who sent no token where one is needed."""
    return _refused("missing authentication token", "TOKEN_MISSING")


def _user_id(claim: object) -> int:
    """A positive id, written as a number or in digits; anything else is nobody."""
    if isinstance(claim, str) and claim.isascii() and claim.isdigit() and len(claim) <= _LONGEST_ID:
        claim = int(claim)
    if not isinstance(claim, int) or isinstance(claim, bool) or not 0 < claim <= _HIGHEST_ID:
        raise _rejected("TOKEN_SUBJECT")
    return claim


def _shared_secret(settings: AuthSettings) -> bytes | None:
    if settings.hs256_secret is None:
        return None
    secret = settings.hs256_secret.get_secret_value().encode()
    if len(secret) < _SHORTEST_SECRET_BYTES:
        raise ValueError(
            f"LISTINGS_AUTH_HS256_SECRET has {len(secret)} bytes and needs {_SHORTEST_SECRET_BYTES}: "
            "a shorter one can be guessed from a single token; make one with `openssl rand -hex 32`"
        )
    return secret


def _public_key(path: Path) -> RSAPublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"LISTINGS_AUTH_PUBLIC_KEY_PATH: cannot read a key: {_why(error)}") from error
    if not isinstance(key, RSAPublicKey):
        raise ValueError(  # noqa: TRY004 - the setting's value is wrong, no type of ours
            "LISTINGS_AUTH_PUBLIC_KEY_PATH: the key is not an RSA public key"
        )
    return key


def _key_set(path: Path) -> dict[str, Any]:
    """RSA keys by key id; keys of other kinds are skipped, as RFC 7517 asks."""
    try:
        found = jwt.PyJWKSet.from_dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise ValueError(f"LISTINGS_AUTH_JWKS_PATH: cannot read keys: {_why(error)}") from error
    keys = {key.key_id: key.key for key in found.keys if key.key_id and isinstance(key.key, RSAPublicKey)}
    if not keys:
        raise ValueError("LISTINGS_AUTH_JWKS_PATH: the file holds no RSA public key with a key id (kid)")
    return keys


def _why(error: Exception) -> str:
    """What the system said, or the kind of error: never what stands in the file."""
    return error.strerror or "unreadable" if isinstance(error, OSError) else type(error).__name__


def _rejected(reason: str) -> Unauthenticated:
    return _refused("invalid authentication token", reason)


def _refused(text: str, reason: str) -> Unauthenticated:
    remedy = FieldViolation("authorization", _REMEDIES.get(reason, _ANY_REMEDY))
    return Unauthenticated(text, reason=reason, fields=[remedy])
