"""Keys and tokens for tests, and the table of bad tokens: what each is told on both edges.

`docs/reference/tokens.md` shows the same table; a test holds them together.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SECRET = "a development secret of 32 bytes or more"
ISSUER, AUDIENCE = "https://auth.example.com", "listings"


def public_pem(key: rsa.RSAPrivateKey = KEY) -> bytes:
    """The key's public half as its issuer would publish it."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def write_key_set(path: Path, keys: Mapping[str, rsa.RSAPrivateKey]) -> None:
    """Write a JWKS document of public keys by key id, as an issuer does: whole, in one step."""
    document = [
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"}
        for kid, key in keys.items()
    ]
    written = path.with_suffix(".new")
    written.write_text(json.dumps({"keys": document}))
    written.rename(path)


def claims(**changes: Any) -> dict[str, Any]:
    """What a good user's token says; None takes a claim away."""
    whole = {"sub": "7", "exp": int(time.time()) + 3600, "iss": ISSUER, "aud": AUDIENCE, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def rs256(key: rsa.RSAPrivateKey = KEY, *, kid: str | None = "first", **changes: Any) -> str:
    """A token signed with a private key."""
    return jwt.encode(claims(**changes), key, "RS256", headers={"kid": kid} if kid else None)


def hs256(secret: str = SECRET, **changes: Any) -> str:
    """A token signed with a shared secret."""
    return jwt.encode(claims(**changes), secret, "HS256")


def unsigned() -> str:
    """A token of the algorithm none."""
    return jwt.encode(claims(), None, "none")


def confused() -> str:
    """An HS256 token whose secret is the text of the public key; PyJWT itself would not make one."""
    parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "first"}, claims())]
    signed = hmac.new(public_pem(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _base64(signed)])


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Row(NamedTuple):
    """One kind of token, and what a call that needs a user is told on both edges."""

    token: str
    header: Callable[[], str | None]
    grpc: str
    reason: str
    rest: int


def _bearer(make: Callable[[], str]) -> Callable[[], str]:
    return lambda: f"Bearer {make()}"


def _now() -> int:
    return int(time.time())


# For a service that verifies RS256 with a key set, an issuer and an audience.
TABLE = (
    Row("none sent", lambda: None, "UNAUTHENTICATED", "TOKEN_MISSING", 401),
    Row("another scheme than `Bearer`", lambda: "Basic dXNlcjpwYXNz", "UNAUTHENTICATED", "TOKEN_MISSING", 401),
    Row("`Bearer` and nothing after it", lambda: "Bearer", "UNAUTHENTICATED", "TOKEN_MISSING", 401),
    Row("garbage", lambda: "Bearer garbage", "UNAUTHENTICATED", "TOKEN_INVALID", 401),
    Row(
        "more than 8,192 characters", _bearer(lambda: rs256(more="x" * 7000)), "UNAUTHENTICATED", "TOKEN_TOO_LONG", 401
    ),
    Row("expired", _bearer(lambda: rs256(exp=_now() - 60)), "UNAUTHENTICATED", "TOKEN_EXPIRED", 401),
    Row("never expires (no `exp`)", _bearer(lambda: rs256(exp=None)), "UNAUTHENTICATED", "TOKEN_EXPIRY", 401),
    Row(
        "not yet valid (`nbf`)", _bearer(lambda: rs256(nbf=_now() + 600)), "UNAUTHENTICATED", "TOKEN_NOT_YET_VALID", 401
    ),
    Row("signed with another key", _bearer(lambda: rs256(OTHER_KEY)), "UNAUTHENTICATED", "TOKEN_SIGNATURE", 401),
    Row("algorithm `none`", _bearer(unsigned), "UNAUTHENTICATED", "TOKEN_ALGORITHM", 401),
    Row("HS256, signed with the public key", _bearer(confused), "UNAUTHENTICATED", "TOKEN_ALGORITHM", 401),
    Row("key id (`kid`) missing", _bearer(lambda: rs256(kid=None)), "UNAUTHENTICATED", "TOKEN_KEY_ID", 401),
    Row("key id unknown", _bearer(lambda: rs256(OTHER_KEY, kid="third")), "UNAUTHENTICATED", "TOKEN_KEY", 401),
    Row("another issuer", _bearer(lambda: rs256(iss="https://elsewhere.example")), "UNAUTHENTICATED", "TOKEN_ISSUER", 401),
    Row("no issuer", _bearer(lambda: rs256(iss=None)), "UNAUTHENTICATED", "TOKEN_ISSUER", 401),
    Row("another audience", _bearer(lambda: rs256(aud="elsewhere")), "UNAUTHENTICATED", "TOKEN_AUDIENCE", 401),
    Row("no audience", _bearer(lambda: rs256(aud=None)), "UNAUTHENTICATED", "TOKEN_AUDIENCE", 401),
    Row("no subject", _bearer(lambda: rs256(sub=None)), "UNAUTHENTICATED", "TOKEN_SUBJECT", 401),
    Row("a subject that is no user's id", _bearer(lambda: rs256(sub="-7")), "UNAUTHENTICATED", "TOKEN_SUBJECT", 401),
    Row(
        "a service's, without the method's scope",
        _bearer(lambda: rs256(sub="order-service", scope="listings:stock")),
        "PERMISSION_DENIED",
        "SCOPE_MISSING",
        403,
    ),
    Row("good, for another user than the request names", _bearer(lambda: rs256(sub="8")), "PERMISSION_DENIED", "USER_MISMATCH", 403),
)  # fmt: skip


def table() -> str:
    """The table as documentation shows it."""
    lines = ["| Token | gRPC status | Reason | REST status |", "|---|---|---|---|"]
    lines += [f"| {row.token} | `{row.grpc}` | `{row.reason}` | {row.rest} |" for row in TABLE]
    return "\n".join(lines)
