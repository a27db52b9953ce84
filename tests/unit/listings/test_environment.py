"""Reading settings from the environment: old names, strangers, sources, and values that cannot be used."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from listings.environment import (
    KEYS,
    MEANINGLESS,
    OLD_PREFIX,
    ConfigurationError,
    read_environment,
    settings_from_environment,
)
from listings.settings import Settings


def problems(**environ: str) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        read_environment(environ)
    return {problem.variable: f"{problem.what} | {problem.example}" for problem in caught.value.problems}


def test_nothing_set_is_the_defaults():
    configuration = read_environment({})

    assert configuration.sources == {}
    assert configuration.warnings == ()
    assert (configuration.settings.server.grpc_port, configuration.settings.server.http_port) == (50053, 8086)


@pytest.mark.parametrize(
    ("variable", "value", "group", "field", "expected"),
    [
        ("LISTINGS_CACHE_ENABLED", "false", "cache", "enabled", False),
        ("LISTINGS_RATE_LIMIT_ENABLED", "false", "rate_limit", "enabled", False),
        ("LISTINGS_LOG_LEVEL", "warning", "log", "level", "warning"),
        ("LISTINGS_GRPC_PORT", "1234", "server", "grpc_port", 1234),
        ("LISTINGS_HTTP_PORT", "1234", "server", "http_port", 1234),
        ("LISTINGS_DB_HOST", "db", "database", "host", "db"),
        ("LISTINGS_DRAIN_SECONDS", "1m30s", "server", "drain_seconds", 90.0),
        ("LISTINGS_DB_STATEMENT_TIMEOUT_SECONDS", "5m", "database", "statement_timeout_seconds", 300.0),
        ("LISTINGS_CACHE_TTL_SECONDS", "500ms", "cache", "ttl_seconds", 0.5),
        (
            "LISTINGS_CORS_ALLOWED_ORIGINS",
            "https://a, https://b",
            "cors",
            "allowed_origins",
            ["https://a", "https://b"],
        ),
    ],
)
def test_variable_sets_its_field(variable: str, value: str, group: str, field: str, expected: object):
    configuration = read_environment({variable: value})

    assert getattr(getattr(configuration.settings, group), field) == expected
    assert configuration.sources == {(group, field): variable}


def test_single_methods_are_given_as_a_list_of_pairs():
    settings = read_environment(
        {
            "LISTINGS_RATE_LIMIT_PER_MINUTE": "GetListing=400, SearchListings=unlimited",
            "LISTINGS_TIMEOUTS_SECONDS": "GetListing=2,BulkCreateProducts=1m,CreateListing=1.5",
        }
    ).settings

    assert settings.rate_limit.per_minute == {"GetListing": 400, "SearchListings": None}
    assert settings.timeouts.seconds == {"GetListing": 2.0, "BulkCreateProducts": 60.0, "CreateListing": 1.5}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("RATE_LIMIT_PER_MINUTE", "GetListings=5", "GetListings: no such method; did you mean GetListing?"),
        ("RATE_LIMIT_PER_MINUTE", "GetListing", "'GetListing' is not METHOD=VALUE"),
        (
            "RATE_LIMIT_PER_MINUTE",
            "GetListing=0",
            "GetListing: '0' is neither a whole number from 1 to 600000",
        ),
        ("RATE_LIMIT_PER_MINUTE", "GetListing=600001", "nor unlimited"),
        ("RATE_LIMIT_PER_MINUTE", "GetListing=1.5", "GetListing: '1.5' is neither a whole number"),
        ("RATE_LIMIT_PER_MINUTE", "GetListing=1,GetListing=2", "GetListing is named twice"),
        ("TIMEOUTS_SECONDS", "getlisting=5", "getlisting: no such method; did you mean GetListing?"),
        ("TIMEOUTS_SECONDS", "GetListing=soon", "GetListing: 'soon' is no time from 100 ms to 5 minutes"),
        ("TIMEOUTS_SECONDS", "GetListing=0", "GetListing: '0' is no time"),
        ("TIMEOUTS_SECONDS", "GetListing=301", "GetListing: '301' is no time"),
        ("TIMEOUTS_SECONDS", "GetListing=nan", "GetListing: 'nan' is no time"),
    ],
)
def test_a_mistake_about_a_method_is_named_with_an_example(variable: str, value: str, said: str):
    [(named, text)] = problems(**{f"LISTINGS_{variable}": value}).items()

    assert named == f"LISTINGS_{variable}"
    assert said in text
    assert f"LISTINGS_{variable}=GetListing=" in text


def test_addresses_win_over_split_keys():
    settings = read_environment(
        {
            "LISTINGS_DATABASE_URL": "postgresql://a:b@one/x",
            "LISTINGS_DB_HOST": "two",
            "LISTINGS_REDIS_URL": "redis://one",
            "LISTINGS_REDIS_HOST": "two",
        }
    ).settings

    assert settings.database.dsn() == "postgresql://a:b@one/x"
    assert settings.redis.address() == "redis://one"


def test_empty_variable_is_not_set():
    configuration = read_environment({"LISTINGS_DATABASE_URL": "", "LISTINGS_GRPC_PORT": ""})

    assert configuration.sources == {}


@pytest.mark.parametrize(
    "key", sorted(key for key in KEYS if key not in ("DATABASE_URL", "CORS_ALLOWED_ORIGINS"))
)
def test_every_setting_is_read_under_the_old_prefix_with_one_warning(key: str):
    from listings.environment import example_of, group_fields

    group, name = KEYS[key]
    value = example_of(group_fields(group)[name]) or "x"
    configuration = read_environment({OLD_PREFIX + key: value})

    assert configuration.sources == {(group, name): OLD_PREFIX + key}
    assert configuration.warnings == (f"{OLD_PREFIX}{key} is an old name: set LISTINGS_{key} instead",)


def test_old_names_with_another_meaning_now():
    configuration = read_environment(
        {
            "SVETULISTINGS_DB_MAX_OPEN_CONNS": "12",
            "SVETULISTINGS_FEATURE_CACHE_ENABLED": "false",
            "SVETULISTINGS_LOG_FORMAT": "pretty",
        }
    )

    assert configuration.settings.database.pool_size == 12
    assert configuration.settings.cache.enabled is False
    assert configuration.settings.log.format == "console"
    assert all("LISTINGS_" in warning for warning in configuration.warnings)


def test_new_name_wins_over_the_old():
    configuration = read_environment({"LISTINGS_DB_HOST": "new", "SVETULISTINGS_DB_HOST": "old"})

    assert configuration.settings.database.host == "new"
    assert len(configuration.warnings) == 1


@pytest.mark.parametrize("key", sorted(MEANINGLESS))
def test_old_name_that_means_nothing_is_named_with_the_reason(key: str):
    configuration = read_environment({OLD_PREFIX + key: "1"})

    assert configuration.sources == {}
    assert configuration.warnings == (f"{OLD_PREFIX}{key} has no effect: {MEANINGLESS[key]}. Remove it",)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LISTINGS_PORT", "tcp://10.0.0.1:50053"),
        ("LISTINGS_SERVICE_HOST", "10.0.0.1"),
        ("LISTINGS_SERVICE_PORT", "50053"),
        ("LISTINGS_SERVICE_PORT_GRPC", "50053"),
        ("LISTINGS_PORT_50053_TCP", "tcp://10.0.0.1:50053"),
        ("LISTINGS_PORT_50053_TCP_ADDR", "10.0.0.1"),
        ("LISTINGS_PORT_50053_TCP_PORT", "50053"),
        ("LISTINGS_PORT_50053_TCP_PROTO", "tcp"),
        ("LISTINGS_REDIS_PORT", "tcp://10.0.0.2:6379"),
        ("LISTINGS_REDIS_SERVICE_HOST", "10.0.0.2"),
        ("LISTINGS_REDIS_PORT_6379_TCP_ADDR", "10.0.0.2"),
    ],
)
def test_what_kubernetes_injects_is_ignored_in_silence(variable: str, value: str):
    configuration = read_environment({variable: value})

    assert configuration.sources == {}
    assert configuration.warnings == ()


def test_unknown_name_is_warned_about_with_the_nearest():
    (warning,) = read_environment({"LISTINGS_GRPC_PROT": "1"}).warnings

    assert "did you mean LISTINGS_GRPC_PORT?" in warning


def test_unknown_old_name_is_warned_about():
    (warning,) = read_environment({"SVETULISTINGS_GRPC_PROT": "1"}).warnings

    assert "did you mean LISTINGS_GRPC_PORT?" in warning


@pytest.mark.parametrize(
    "variable", ["LISTINGS_DATA_FOLDER", "LISTINGS_TOKEN", "LISTINGS_TEST_DATABASE_URL", "PATH"]
)
def test_variables_of_other_programs_are_left_alone(variable: str):
    assert read_environment({variable: "x"}).warnings == ()


def test_every_bad_value_is_named_with_an_example():
    found = problems(
        LISTINGS_GRPC_PORT="abc",
        LISTINGS_HTTP_PORT="70000",
        LISTINGS_DB_SSLMODE="maybe",
        LISTINGS_DATABASE_URL="mysql://x",
        LISTINGS_CACHE_ENABLED="perhaps",
        LISTINGS_DRAIN_SECONDS="5 minutes",
        LISTINGS_CORS_ALLOWED_ORIGINS="*",
    )

    assert found["LISTINGS_GRPC_PORT"] == "'abc' is not a whole number | LISTINGS_GRPC_PORT=50053"
    assert "65535" in found["LISTINGS_HTTP_PORT"]
    assert "LISTINGS_DB_SSLMODE=prefer" in found["LISTINGS_DB_SSLMODE"]
    assert "postgresql://" in found["LISTINGS_DATABASE_URL"]
    assert "neither true nor false" in found["LISTINGS_CACHE_ENABLED"]
    assert "not a number or duration" in found["LISTINGS_DRAIN_SECONDS"]
    assert found.keys() >= {"LISTINGS_CORS_ALLOWED_ORIGINS"}


def test_bad_value_under_an_old_name_is_named_by_it():
    assert problems(SVETULISTINGS_DB_MAX_OPEN_CONNS="0").keys() == {"SVETULISTINGS_DB_MAX_OPEN_CONNS"}


def test_no_secret_is_in_an_error():
    found = problems(LISTINGS_DATABASE_URL="mysql://user:hunter2@db/x", LISTINGS_GRPC_PORT="abc")

    assert "hunter2" not in "".join(found.values())


def test_every_setting_can_be_set():
    unreachable = [
        f"{group}.{name}"
        for group, info in Settings.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
        for name in info.annotation.model_fields
        if (group, name) not in KEYS.values()
    ]
    assert unreachable == [], "give their group a prefix in environment.py"
    given = {"LISTINGS_STOCK_ROLLBACK_UNSEEN": "refuse"}
    assert settings_from_environment(given).stock.rollback_unseen == "refuse"


@pytest.mark.parametrize(
    ("old", "level"),
    [("trace", "debug"), ("debug", "debug"), ("warn", "warning"), ("fatal", "error"), ("panic", "error")],
)
def test_log_levels_of_the_earlier_service_keep_their_meaning(old: str, level: str):
    read = read_environment({"SVETULISTINGS_LOG_LEVEL": old})
    assert read.settings.log.level == level
    assert read.warnings == ("SVETULISTINGS_LOG_LEVEL is an old name: set LISTINGS_LOG_LEVEL instead",)


@pytest.mark.parametrize(
    ("host", "shown"), [("db", "db"), ("10.0.0.5", "10.0.0.5"), ("::1", "[::1]"), ("[fd00::2]", "[fd00::2]")]
)
def test_any_kind_of_host_makes_an_address(host: str, shown: str):
    settings = settings_from_environment({"LISTINGS_DB_HOST": host, "LISTINGS_REDIS_HOST": host})
    assert f"@{shown}:5432/" in settings.database.dsn()
    assert settings.redis.address() == f"redis://{shown}:6379/0"


def test_what_several_workers_cannot_do_is_refused_with_a_remedy():
    found = problems(LISTINGS_WORKERS="4", LISTINGS_ADMIN_CHANNELZ="true", LISTINGS_DB_POOL_SIZE="4")

    assert set(found) == {"LISTINGS_ADMIN_CHANNELZ", "LISTINGS_DB_POOL_SIZE"}
    assert "LISTINGS_DB_POOL_SIZE=20" in found["LISTINGS_DB_POOL_SIZE"]
    assert "LISTINGS_WORKERS" in problems(LISTINGS_WORKERS="0")


def test_the_default_sessions_suffice_for_seven_workers_and_not_for_eight():
    assert read_environment({"LISTINGS_WORKERS": "7"}).settings.server.workers == 7
    assert "LISTINGS_DB_POOL_SIZE" in problems(LISTINGS_WORKERS="8")
