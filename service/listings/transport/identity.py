"""Bearer tokens verified locally: RS256 with a key file or a JWKS file, HS256 for development."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import jwt

from listings.domain.errors import Unauthenticated
from listings.transport.call import Identity

if TYPE_CHECKING:
    from listings.settings import AuthSettings

# No token of ours is longer; parsing megabytes of base64 before refusing them would be a gift.
_LONGEST_TOKEN: Final = 8192


class TokenVerifier:
    """Turns an `authorization` header into an Identity, or says why not."""

    def __init__(self, settings: AuthSettings) -> None:
        """Reads the keys once; raises ValueError naming the setting when none is configured."""
        self._settings = settings
        self._hs256 = settings.hs256_secret.get_secret_value() if settings.hs256_secret else None
        self._rs256 = settings.public_key_path.read_text() if settings.public_key_path else None
        self._jwks = (
            jwt.PyJWKSet.from_dict(json.loads(settings.jwks_path.read_text())) if settings.jwks_path else None
        )
        if not (self._hs256 or self._rs256 or self._jwks):
            raise ValueError(
                "identity is on but no key is configured: set LISTINGS_AUTH_PUBLIC_KEY_PATH, "
                "LISTINGS_AUTH_JWKS_PATH or, for development, LISTINGS_AUTH_HS256_SECRET"
            )

    def identity_of(self, header: str) -> Identity:
        """The verified caller; raises Unauthenticated with a reason of its own for each defect."""
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("missing authentication token", reason="TOKEN_MISSING")
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
                options={"require": ["exp"], "verify_aud": self._settings.audience is not None},
                leeway=5,
            )
        except jwt.ExpiredSignatureError as error:
            raise _rejected("TOKEN_EXPIRED") from error
        except jwt.InvalidIssuerError as error:
            raise _rejected("TOKEN_ISSUER") from error
        except jwt.InvalidAudienceError as error:
            raise _rejected("TOKEN_AUDIENCE") from error
        except jwt.InvalidSignatureError as error:
            raise _rejected("TOKEN_SIGNATURE") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise _rejected("TOKEN_INVALID") from error
        return self._identity(claims)

    def _key_for(self, token: str) -> tuple[Any, str]:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm == "HS256" and self._hs256:
            return self._hs256, "HS256"
        if algorithm == "RS256" and self._jwks is not None and header.get("kid"):
            for key in self._jwks.keys:
                if key.key_id == header["kid"]:
                    return key.key, "RS256"
        if algorithm == "RS256" and self._rs256:
            return self._rs256, "RS256"
        raise _rejected("TOKEN_ALGORITHM")

    def _identity(self, claims: dict[str, Any]) -> Identity:
        try:
            user_id = int(claims.get("user_id", claims.get("sub", "")))
        except (TypeError, ValueError) as error:
            raise _rejected("TOKEN_SUBJECT") from error
        if user_id <= 0:
            raise _rejected("TOKEN_SUBJECT")
        given = claims.get("roles", [])
        roles = frozenset(str(role) for role in given) if isinstance(given, list) else frozenset({str(given)})
        return Identity(user_id, roles, is_admin=self._settings.admin_role in roles)


def _rejected(reason: str) -> Unauthenticated:
    return Unauthenticated("invalid authentication token", reason=reason)
