"""Bearer tokens verified locally: RS256 with a key file or a JWKS file, HS256 for development.

A token is a user's (`user_id`, or a number as `sub`) or a service's (a name as `sub`, and `scope`). Files
of keys may be replaced while the service runs; a key id that is not known is a reason to look at once.

Which key serves is decided by the token's algorithm alone, never by what the key could also be used
for: the text of a public key is no shared secret. What was wrong with a token is told as a stable
reason; the text is one for all, and no part of a token is ever logged or answered.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from listings.domain.errors import FieldViolation, Unauthenticated
from listings.file_values import FileValue
from listings.transport.call import Identity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from listings.settings import AuthSettings

KeySet = dict[str, RSAPublicKey]
Value = TypeVar("Value")

# No token of ours is longer; parsing megabytes of base64 before refusing them would be a gift.
_LONGEST_TOKEN: Final = 8192
# RFC 7518 section 3.2: an HS256 key must have at least as many bytes as the hash.
_SHORTEST_SECRET_BYTES: Final = 32
# RFC 7518 section 3.3.
_SHORTEST_RSA_BITS: Final = 2048
# What clocks of issuer and service may differ.
_LEEWAY_SECONDS: Final = 5
_HIGHEST_ID: Final = 2**63 - 1
_LONGEST_ID: Final = 19
# Names of services; nothing that could be taken for a user's id.
_SERVICE: Final = re.compile(r"[A-Za-z][\w.:@/-]{0,127}", re.ASCII)

# PyJWT's exceptions, most special first, and the reason each becomes.
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (jwt.ExpiredSignatureError, "TOKEN_EXPIRED"),
    (jwt.ImmatureSignatureError, "TOKEN_NOT_YET_VALID"),
    (jwt.InvalidIssuerError, "TOKEN_ISSUER"),
    (jwt.InvalidAudienceError, "TOKEN_AUDIENCE"),
    (jwt.InvalidSignatureError, "TOKEN_SIGNATURE"),
)
# What mends it; any other reason: a token that some other service gave, or that was damaged on its way.
REMEDIES: Final = {
    "TOKEN_MISSING": "send `authorization: Bearer TOKEN`",
    "TOKEN_EXPIRED": "it has expired: get a new one",
    "TOKEN_NOT_YET_VALID": "it is not valid yet: compare the clocks of its issuer and this service",
    "TOKEN_ISSUER": "another issuer made it: get one from the issuer this service trusts",
    "TOKEN_AUDIENCE": "it is meant for another service: get one for this service",
    "TOKEN_TOO_LONG": f"it has more than {_LONGEST_TOKEN} characters",
    "TOKEN_EXPIRY": "it never expires: exp is required",
    "TOKEN_ALGORITHM": "it is not signed the way this service is configured for",
    "TOKEN_KEY_ID": "its header names no key: kid is required",
    "TOKEN_KEY": "its header names a key (kid) that this service does not know",
    "TOKEN_SUBJECT": (
        "it names nobody: user_id (or sub) must be a positive number, or sub a service's name beside scope"
    ),
}
_ANY_REMEDY: Final = "it was not signed for this service, or was damaged: get a new one"
_MISSING: Final = {"exp": "TOKEN_EXPIRY", "iss": "TOKEN_ISSUER", "aud": "TOKEN_AUDIENCE"}


class TokenVerifier:
    """Turns an `authorization` header into an Identity, or says why not."""

    def __init__(self, settings: AuthSettings) -> None:
        """Reads the keys; raises ValueError naming the setting that is missing or cannot serve."""
        self._settings = settings
        self._hs256 = _shared_secret(settings)
        self._rs256 = self._watched(settings.public_key_path, _public_key)
        self._jwks = self._watched(settings.jwks_path, _key_set)
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
            raise _rejected(_MISSING[error.claim]) from None
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
            key_id = str(header.get("kid") or "")
            key = _key_of(self._jwks, key_id)
            if key is not None:
                return key, "RS256"
            if self._rs256 is None:
                raise _rejected("TOKEN_KEY" if key_id else "TOKEN_KEY_ID")
        if algorithm == "RS256" and self._rs256 is not None:
            return self._rs256.current(), "RS256"
        raise _rejected("TOKEN_ALGORITHM")

    def _identity(self, claims: dict[str, Any]) -> Identity:
        scopes = _scopes(claims)
        subject = claims.get("sub")
        if "user_id" not in claims and scopes is not None and _names_service(subject):
            return Identity(0, scopes=scopes, service=str(subject))
        user_id = _user_id(claims.get("user_id", subject))
        given = claims.get("roles", [])
        roles = frozenset(str(role) for role in (given if isinstance(given, list) else [given]))
        is_admin = self._settings.admin_role in roles
        return Identity(user_id, roles, is_admin=is_admin, scopes=scopes or frozenset())

    def _watched(self, path: Path | None, load: Callable[[Path], Value]) -> FileValue[Value] | None:
        if path is None:
            return None
        seconds = self._settings.reload_seconds
        return FileValue([path], lambda: load(path), what="keys for tokens", seconds=seconds)


def token_missing() -> Unauthenticated:
    """The refusal of a caller who sent no token where one is needed."""
    return _refused("missing authentication token", "TOKEN_MISSING")


def _key_of(keys: FileValue[KeySet], key_id: str) -> RSAPublicKey | None:
    """The key of this id; an unknown id is looked for in the file as it is now, which costs little if it stands."""
    found = keys.current().get(key_id)
    if found is None and key_id and keys.look():
        found = keys.current().get(key_id)
    return found


def _scopes(claims: dict[str, Any]) -> frozenset[str] | None:
    """RFC 8693's claim, in words or as a list; None where there is none."""
    given = claims.get("scope")
    if isinstance(given, str):
        return frozenset(given.split())
    if isinstance(given, list):
        return frozenset(scope for scope in given if isinstance(scope, str))
    return None


def _names_service(subject: object) -> bool:
    return isinstance(subject, str) and _SERVICE.fullmatch(subject) is not None


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
    if key.key_size < _SHORTEST_RSA_BITS:
        raise ValueError(
            f"LISTINGS_AUTH_PUBLIC_KEY_PATH: the key has {key.key_size} bits and needs {_SHORTEST_RSA_BITS}"
        )
    return key


def _key_set(path: Path) -> KeySet:
    """RSA keys by key id; keys of other kinds, and weak ones, are skipped, as RFC 7517 asks."""
    try:
        found = jwt.PyJWKSet.from_dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise ValueError(f"LISTINGS_AUTH_JWKS_PATH: cannot read keys: {_why(error)}") from error
    keys = {
        key.key_id: key.key
        for key in found.keys
        if key.key_id
        and key.public_key_use in {None, "sig"}
        and isinstance(key.key, RSAPublicKey)
        and key.key.key_size >= _SHORTEST_RSA_BITS
    }
    if not keys:
        raise ValueError(
            "LISTINGS_AUTH_JWKS_PATH: the file holds no RSA public key for signatures "
            f"with a key id (kid) and {_SHORTEST_RSA_BITS} bits"
        )
    return keys


def _why(error: Exception) -> str:
    """What the system said, or the kind of error: never what stands in the file."""
    return error.strerror or "unreadable" if isinstance(error, OSError) else type(error).__name__


def _rejected(reason: str) -> Unauthenticated:
    return _refused("invalid authentication token", reason)


def _refused(text: str, reason: str) -> Unauthenticated:
    remedy = FieldViolation("authorization", REMEDIES.get(reason, _ANY_REMEDY))
    return Unauthenticated(text, reason=reason, fields=[remedy])
