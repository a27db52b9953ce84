"""Findings of `listings doctor` that settings alone give rise to; the database behind them is fine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from providers.certificates import DAY, Authority

from listings.doctor.examination import examine
from listings.doctor.findings import Report, Severity
from listings.doctor.production import check_production
from listings.environment import settings_from_environment

if TYPE_CHECKING:
    from pathlib import Path

SOUND = {
    "LISTINGS_ENV": "production",
    "LISTINGS_DATABASE_URL": "postgresql://listings_user:Vq3-long-enough@db.internal/listings_db?sslmode=verify-full",
    "LISTINGS_AUTH_ENABLED": "true",
    "LISTINGS_AUTH_PUBLIC_KEY_PATH": "public.pem",
    "LISTINGS_TLS_CERT_PATH": "tls.crt",
    "LISTINGS_TLS_KEY_PATH": "tls.key",
}


def production(**changed: str) -> set[str]:
    report = Report()
    check_production(report, settings_from_environment({**SOUND, **changed}))
    return {finding.code for finding in report.findings}


async def dead_end(**environ: str) -> Report:
    """Examine with a database that does not exist, for findings that come before it."""
    # And without ports: those that a setting leaves out may be held by a service of somebody else, which it would ask.
    ports = {"LISTINGS_GRPC_PORT": "0", "LISTINGS_HTTP_PORT": "0"}
    return await examine({"LISTINGS_DB_HOST": "/nowhere", **ports, **environ})


async def codes(**environ: str) -> set[str]:
    return {finding.code for finding in (await dead_end(**environ)).findings}


def test_a_sound_production_setup_has_no_finding():
    assert production() == set()


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("ENVIRONMENT_NAME", {"LISTINGS_ENV": "staging"}),
        ("AUTH_OFF", {"LISTINGS_AUTH_ENABLED": "false"}),
        ("TLS_OFF", {"LISTINGS_TLS_CERT_PATH": "", "LISTINGS_TLS_KEY_PATH": ""}),
        ("TLS_OFF", {"LISTINGS_TLS_EDGES": "grpc"}),
        ("CHANNELZ_OPEN", {"LISTINGS_ADMIN_CHANNELZ": "true"}),
        ("AUTH_SHARED_SECRET", {"LISTINGS_AUTH_HS256_SECRET": "x" * 40}),
        ("DATABASE_PASSWORD_WEAK", {"LISTINGS_DATABASE_URL": "postgresql://u:postgres@db/x?sslmode=require"}),
        (
            "DATABASE_PASSWORD_WEAK",
            {"LISTINGS_DATABASE_URL": "postgresql://listings_user:listings_user@db/x"},
        ),
        ("DATABASE_WITHOUT_PASSWORD", {"LISTINGS_DATABASE_URL": "postgresql://u@db/x?sslmode=require"}),
        (
            "DATABASE_PLAINTEXT",
            {"LISTINGS_DATABASE_URL": "postgresql://u:Vq3-long-enough@db/x?sslmode=disable"},
        ),
        ("REDIS_WITHOUT_PASSWORD", {"LISTINGS_REDIS_URL": "redis://cache.internal:6379/0"}),
        ("RATE_LIMIT_OFF", {"LISTINGS_RATE_LIMIT_ENABLED": "false"}),
        ("CACHE_OFF", {"LISTINGS_CACHE_ENABLED": "false"}),
        ("CACHE_OFF", {"LISTINGS_CACHE_TTL_SECONDS": "5ms"}),
        ("CORS_INSECURE", {"LISTINGS_CORS_ALLOWED_ORIGINS": "http://shop.example.com"}),
        ("CORS_INSECURE", {"LISTINGS_CORS_ALLOWED_ORIGINS": "https://localhost:3000"}),
        ("LOG_LEVEL_DEBUG", {"LISTINGS_LOG_LEVEL": "debug"}),
        ("DRAIN_TOO_LONG", {"LISTINGS_DRAIN_SECONDS": "5m"}),
        ("DRAIN_WITHOUT_DELAY", {"LISTINGS_DRAIN_DELAY_SECONDS": "0"}),
        ("QUEUE_RETENTION_SHORT", {"LISTINGS_MAINTENANCE_QUEUE_RETENTION_SECONDS": "1h"}),
    ],
)
def test_what_must_not_go_live(code: str, changed: dict[str, str]):
    assert code in production(**changed)


async def test_value_that_cannot_be_used_ends_the_examination():
    report = await dead_end(LISTINGS_HTTP_PORT="eighty")

    assert [finding.code for finding in report.findings] == ["SETTING_INVALID"]
    assert "LISTINGS_HTTP_PORT" in report.findings[0].what
    assert report.worst is Severity.ERROR


async def test_wildcard_origin_is_refused():
    assert "SETTING_INVALID" in await codes(LISTINGS_CORS_ALLOWED_ORIGINS="*")


@pytest.mark.parametrize("setting", ["TRUSTED_PROXIES", "UNLIMITED_NETWORKS"])
@pytest.mark.parametrize("networks", ["10.0.0.0/8,proxy", "10.0.0.1/8", "::1/129"])
async def test_network_that_is_none_is_refused(setting: str, networks: str):
    report = await dead_end(**{f"LISTINGS_RATE_LIMIT_{setting}": networks})

    assert [finding.code for finding in report.findings] == ["SETTING_INVALID"]
    assert f"LISTINGS_RATE_LIMIT_{setting}" in report.findings[0].what


async def test_misspelt_setting():
    assert "SETTING_UNKNOWN" in await codes(LISTINGS_GRPC_PROT="50053")


async def test_old_setting_that_does_nothing_any_more():
    assert "SETTING_WITHOUT_EFFECT" in await codes(SVETULISTINGS_MINIO_BUCKET="images")


async def test_old_name():
    assert "SETTING_OLD_NAME" in await codes(SVETULISTINGS_GRPC_HOST="127.0.0.1")


async def test_tokens_without_a_key():
    assert "AUTH_WITHOUT_KEY" in await codes(LISTINGS_AUTH_ENABLED="true")


async def test_key_file_is_missing(tmp_path: Path):
    assert "AUTH_KEY_UNREADABLE" in await codes(
        LISTINGS_AUTH_ENABLED="true", LISTINGS_AUTH_PUBLIC_KEY_PATH=str(tmp_path / "none.pem")
    )


@pytest.mark.parametrize("variable", ["LISTINGS_AUTH_PUBLIC_KEY_PATH", "LISTINGS_AUTH_JWKS_PATH"])
async def test_key_file_holds_something_else(tmp_path: Path, variable: str):
    path = tmp_path / "key"
    path.write_text('{"keys": [{"kty": "nonsense"}]}' if "JWKS" in variable else "not a key")

    assert "AUTH_KEY_INVALID" in await codes(**{"LISTINGS_AUTH_ENABLED": "true", variable: str(path)})


async def test_secret_is_too_short():
    assert "AUTH_SECRET_WEAK" in await codes(
        LISTINGS_AUTH_REST_WRITES="true", LISTINGS_AUTH_HS256_SECRET="short"
    )


async def test_limits_file_that_is_missing_or_says_something_else(tmp_path: Path):
    path = tmp_path / "limits.toml"
    assert "LIMITS_FILE" in await codes(LISTINGS_RATE_LIMIT_FILE=str(path))
    path.write_text("[per_minute]\nGetListings = 5")
    report = await dead_end(LISTINGS_RATE_LIMIT_FILE=str(path))
    (finding,) = [finding for finding in report.findings if finding.code == "LIMITS_FILE"]
    assert "per_minute.GetListings: no such method; did you mean GetListing?" in finding.what
    path.write_text("[per_minute]\nGetListing = 5")
    assert "LIMITS_FILE" not in await codes(LISTINGS_RATE_LIMIT_FILE=str(path))


@pytest.mark.parametrize(
    ("code", "made"),
    [
        (None, {}),
        ("TLS_NOT_VALID", {"valid": -DAY}),
        ("TLS_EXPIRES_SOON", {"valid": 3 * DAY}),
        ("TLS_UNUSABLE", {"key": rsa.generate_private_key(public_exponent=65537, key_size=1024)}),
    ],
)
async def test_certificates_that_hurt_sooner_or_later(tmp_path: Path, code: str | None, made: dict[str, Any]):
    pair = Authority(tmp_path).sign("server", **made)
    found = await codes(LISTINGS_TLS_CERT_PATH=str(pair.cert_path), LISTINGS_TLS_KEY_PATH=str(pair.key_path))
    assert {each for each in found if each.startswith("TLS_")} == ({code} if code else set())


async def test_what_is_weak_about_a_certificate_is_said(tmp_path: Path):
    pair = Authority(tmp_path).sign(
        "server", key=rsa.generate_private_key(public_exponent=65537, key_size=1024)
    )
    report = await dead_end(
        LISTINGS_TLS_CERT_PATH=str(pair.cert_path), LISTINGS_TLS_KEY_PATH=str(pair.key_path)
    )
    assert "key too small" in " ".join(finding.what for finding in report.findings)


async def test_a_certificate_without_its_key(tmp_path: Path):
    pair = Authority(tmp_path).sign("server")
    assert "TLS_UNUSABLE" in await codes(LISTINGS_TLS_CERT_PATH=str(pair.cert_path))


async def test_a_key_that_everybody_may_read(tmp_path: Path):
    pair = Authority(tmp_path).sign("server")
    pair.key_path.chmod(0o644)
    assert "TLS_KEY_OPEN" in await codes(
        LISTINGS_TLS_CERT_PATH=str(pair.cert_path), LISTINGS_TLS_KEY_PATH=str(pair.key_path)
    )


async def test_ports_of_operators_are_looked_at_too():
    assert "PORTS_EQUAL" in await codes(LISTINGS_HTTP_PORT="18086", LISTINGS_ADMIN_HTTP_PORT="18086")
