"""Which bearer tokens are believed, and what each bad one is told."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from listings.domain.errors import Unauthenticated
from listings.settings import AuthSettings
from listings.transport.identity import TokenVerifier

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a development secret of 32 bytes or more"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def claims(**changes: Any) -> dict[str, Any]:
    whole = {"sub": "7", "exp": int(time.time()) + 3600, "iss": "sve", "aud": "listings", **changes}
    return {name: value for name, value in whole.items() if value is not None}


def hs256(**changes: Any) -> str:
    return jwt.encode(claims(**changes), SECRET, "HS256")


def rs256(key: rsa.RSAPrivateKey = KEY, *, kid: str | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, "RS256", headers={"kid": kid} if kid else None)


def unsigned() -> str:
    return jwt.encode(claims(), None, "none")


def raw(header: Any, body: Any) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, body)
    ]
    return ".".join([*parts, "c2ln"])


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    keys = [
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"}
        for kid, key in (("first", KEY), ("second", OTHER_KEY))
    ]
    path.write_text(json.dumps({"keys": keys}))
    return path


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_bytes(PUBLIC_PEM)
    return path


def verifier(**settings: Any) -> TokenVerifier:
    return TokenVerifier(AuthSettings.model_validate({"enabled": True, **settings}))


@pytest.fixture
def shared() -> TokenVerifier:
    return verifier(hs256_secret=SECRET, issuer="sve", audience="listings")


def reason_of(checked: TokenVerifier, header: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        checked.identity_of(header)
    return refused.value.reason


def test_a_good_token_gives_its_user_and_roles(shared):
    identity = shared.identity_of(f"Bearer {hs256(roles=['seller', 'admin'])}")
    assert (identity.user_id, identity.roles, identity.is_admin) == (7, {"seller", "admin"}, True)
    assert not shared.identity_of(f"bearer {hs256(roles='seller')}").is_admin


def test_user_id_wins_over_sub(shared):
    assert shared.identity_of(f"Bearer {hs256(sub='somebody', user_id=9)}").user_id == 9


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "TOKEN_MISSING"),
        ("Bearer", "TOKEN_MISSING"),
        ("Bearer   ", "TOKEN_MISSING"),
        ("Basic dXNlcjpwYXNz", "TOKEN_MISSING"),
        (hs256(), "TOKEN_MISSING"),  # no scheme
        ("Bearer garbage", "TOKEN_INVALID"),
        ("Bearer a.b.c", "TOKEN_INVALID"),
        ("Bearer " + "ж" * 10, "TOKEN_INVALID"),
        ("Bearer " + raw([], {}), "TOKEN_INVALID"),  # a header that is no object
        ("Bearer " + raw({"alg": "HS256"}, []), "TOKEN_SIGNATURE"),
        ("Bearer " + "a" * 9000, "TOKEN_TOO_LONG"),
        (f"Bearer {unsigned()}", "TOKEN_ALGORITHM"),
        (f"Bearer {rs256()}", "TOKEN_ALGORITHM"),  # no RSA key is configured
        (f"Bearer {jwt.encode(claims(), SECRET * 2, 'HS512')}", "TOKEN_ALGORITHM"),
        (f"Bearer {jwt.encode(claims(), 'x' * 40, 'HS256')}", "TOKEN_SIGNATURE"),
        (f"Bearer {hs256()[:-4]}AAAA", "TOKEN_SIGNATURE"),
        (f"Bearer {hs256(exp=int(time.time()) - 60)}", "TOKEN_EXPIRED"),
        (f"Bearer {hs256(exp=None)}", "TOKEN_EXPIRY"),
        (f"Bearer {hs256(exp='soon')}", "TOKEN_INVALID"),
        (f"Bearer {hs256(nbf=int(time.time()) + 600)}", "TOKEN_NOT_YET_VALID"),
        (f"Bearer {hs256(iss='another')}", "TOKEN_ISSUER"),
        (f"Bearer {hs256(iss=None)}", "TOKEN_ISSUER"),
        (f"Bearer {hs256(aud='another')}", "TOKEN_AUDIENCE"),
        (f"Bearer {hs256(aud=None)}", "TOKEN_AUDIENCE"),
        (f"Bearer {hs256(sub=None)}", "TOKEN_SUBJECT"),
        (f"Bearer {hs256(sub='seven')}", "TOKEN_SUBJECT"),
        (f"Bearer {hs256(sub='0')}", "TOKEN_SUBJECT"),
        (f"Bearer {hs256(sub='-7')}", "TOKEN_SUBJECT"),
        (f"Bearer {hs256(user_id=[7])}", "TOKEN_SUBJECT"),
        (f"Bearer {hs256(user_id=7.5)}", "TOKEN_SUBJECT"),
        (f"Bearer {hs256(user_id=True)}", "TOKEN_SUBJECT"),
        (f"Bearer {hs256(user_id=2**70)}", "TOKEN_SUBJECT"),
        (f"Bearer {hs256(sub='9' * 5000)}", "TOKEN_SUBJECT"),
    ],
)
def test_each_bad_token_has_a_reason_of_its_own(shared, header, reason):
    assert reason_of(shared, header) == reason


def test_the_text_never_tells_more_than_that_it_is_invalid(shared):
    token = hs256(iss="another")
    with pytest.raises(Unauthenticated) as refused:
        shared.identity_of(f"Bearer {token}")
    assert refused.value.message == "invalid authentication token"
    assert token not in repr(refused.value)


@pytest.mark.parametrize(
    ("header", "remedy"),
    [
        ("", "send `authorization: Bearer TOKEN`"),
        (f"Bearer {hs256(exp=int(time.time()) - 60)}", "it has expired: get a new one"),
        (
            f"Bearer {hs256(sub=None)}",
            "it names nobody: user_id (or sub) must be a positive number, or sub a service's name beside scope",
        ),
        ("Bearer garbage", "it was not signed for this service, or was damaged: get a new one"),
    ],
)
def test_a_refusal_says_what_to_send_instead(shared, header, remedy):
    with pytest.raises(Unauthenticated) as refused:
        shared.identity_of(header)
    assert [(each.field, each.description) for each in refused.value.fields] == [("authorization", remedy)]


def test_rs256_is_verified_with_a_public_key_file(pem):
    checked = verifier(public_key_path=pem)
    assert checked.identity_of(f"Bearer {rs256()}").user_id == 7
    assert reason_of(checked, f"Bearer {rs256(OTHER_KEY)}") == "TOKEN_SIGNATURE"


def test_a_public_key_is_never_taken_for_a_shared_secret(pem):
    # The classic confusion: an HS256 token signed with the text of the public key.
    body = raw({"alg": "HS256", "typ": "JWT"}, claims())
    assert reason_of(verifier(public_key_path=pem), f"Bearer {body}") == "TOKEN_ALGORITHM"


def test_a_key_set_chooses_by_key_id(jwks):
    checked = verifier(jwks_path=jwks)
    assert checked.identity_of(f"Bearer {rs256(kid='first')}").user_id == 7
    assert checked.identity_of(f"Bearer {rs256(OTHER_KEY, kid='second')}").user_id == 7
    assert reason_of(checked, f"Bearer {rs256(kid='second')}") == "TOKEN_SIGNATURE"
    assert reason_of(checked, f"Bearer {rs256(kid='third')}") == "TOKEN_KEY"
    assert reason_of(checked, f"Bearer {rs256()}") == "TOKEN_KEY_ID"


@pytest.mark.parametrize("scope", ["listings:stock openid", ["listings:stock", "openid", 5]])
def test_a_service_is_named_by_its_subject_and_has_the_scopes_of_its_token(shared, scope):
    identity = shared.identity_of(f"Bearer {hs256(sub='order-service', scope=scope, roles=['admin'])}")
    assert (identity.user_id, identity.service) == (0, "order-service")
    assert identity.scopes == {"listings:stock", "openid"}
    assert not identity.is_admin  # roles are users'


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "order-service"},  # no scope
        {"sub": "order-service", "scope": {"listings:stock": True}},
        {"sub": "order service", "scope": "listings:stock"},
        {"sub": "9lives", "scope": "listings:stock"},
        {"sub": "x" * 200, "scope": "listings:stock"},
        {"sub": None, "scope": "listings:stock"},
        {"sub": "order-service", "user_id": "order-service", "scope": "listings:stock"},
    ],
)
def test_what_is_neither_a_user_nor_a_service_is_nobody(shared, changes):
    assert reason_of(shared, f"Bearer {hs256(**changes)}") == "TOKEN_SUBJECT"


def test_scopes_do_not_turn_a_user_into_a_service(shared):
    identity = shared.identity_of(f"Bearer {hs256(scope='listings:stock')}")
    assert (identity.user_id, identity.service) == (7, "")


def test_a_replaced_public_key_serves_once_the_file_is_looked_at(pem):
    checked = verifier(public_key_path=pem, reload_seconds=0.000001)
    assert reason_of(checked, f"Bearer {rs256(OTHER_KEY)}") == "TOKEN_SIGNATURE"
    pem.write_bytes(
        OTHER_KEY.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    assert checked.identity_of(f"Bearer {rs256(OTHER_KEY)}").user_id == 7
    pem.write_text("half a key")
    assert checked.identity_of(f"Bearer {rs256(OTHER_KEY)}").user_id == 7


def test_weak_keys_serve_nobody(tmp_path):
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    path = tmp_path / "weak"
    path.write_bytes(
        weak.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(ValueError, match="1024 bits"):
        verifier(public_key_path=path)
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(weak)) | {"kid": "weak"}
    path.write_text(json.dumps({"keys": [key]}))
    with pytest.raises(ValueError, match="2048 bits"):
        verifier(jwks_path=path)


def test_clocks_may_differ_by_five_seconds(shared):
    assert shared.identity_of(f"Bearer {hs256(exp=int(time.time()) - 2)}").user_id == 7


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "LISTINGS_AUTH_PUBLIC_KEY_PATH"),
        ({"public_key_path": "/nowhere/key.pem"}, "LISTINGS_AUTH_PUBLIC_KEY_PATH"),
        ({"jwks_path": "/nowhere/keys.json"}, "LISTINGS_AUTH_JWKS_PATH"),
        ({"hs256_secret": "short"}, "LISTINGS_AUTH_HS256_SECRET"),
    ],
)
def test_a_key_that_cannot_serve_stops_the_start_and_names_its_setting(settings, told):
    with pytest.raises(ValueError, match=told):
        verifier(**settings)


def test_files_that_hold_no_key_stop_the_start(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("{}")
    with pytest.raises(ValueError, match="LISTINGS_AUTH_JWKS_PATH"):
        verifier(jwks_path=broken)
    with pytest.raises(ValueError, match="LISTINGS_AUTH_PUBLIC_KEY_PATH"):
        verifier(public_key_path=broken)
