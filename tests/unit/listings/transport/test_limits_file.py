"""The limits file: what it may say, and that a bad one changes nothing."""

from __future__ import annotations

import pytest

from listings.metrics import Metrics
from listings.settings import RateLimitSettings
from listings.transport.limits import Limiter, limits_of
from listings.transport.limits_file import BadLimits, LimitsFile, parse
from listings.transport.policy import POLICIES, LimitBy, RateLimit

GIVEN_SETTINGS = RateLimitSettings()
GIVEN = limits_of("compatible")


def test_an_empty_file_changes_nothing():
    assert parse("", GIVEN_SETTINGS) == GIVEN
    assert len(GIVEN) == 11


def test_named_methods_change_and_all_others_keep_theirs():
    limits = parse('[per_minute]\nGetListing = 400\nSearchListings = "unlimited"', GIVEN_SETTINGS)
    assert limits["GetListing"] == RateLimit(400, LimitBy.IP)
    assert "SearchListings" not in limits
    assert {name: limit for name, limit in limits.items() if name != "GetListing"} == {
        name: limit for name, limit in GIVEN.items() if name not in {"GetListing", "SearchListings"}
    }


def test_callers_are_told_apart_as_before_and_by_address_where_there_was_no_limit():
    limits = parse("[per_minute]\nCreateListing = 100\nDecrementStock = 30", GIVEN_SETTINGS)
    assert limits["CreateListing"] == RateLimit(100, LimitBy.USER)
    assert limits["DecrementStock"] == RateLimit(30, LimitBy.IP)


def test_the_file_stands_over_the_settings_and_they_over_the_preset():
    settings = RateLimitSettings(per_minute={"GetListing": 5, "SearchListings": 6, "ListProducts": 7})
    limits = parse('[per_minute]\nGetListing = 400\nSearchListings = "unlimited"', settings)
    assert limits["GetListing"].per_minute == 400
    assert "SearchListings" not in limits
    assert limits["ListProducts"] == RateLimit(7, LimitBy.IP)


def test_the_file_may_choose_the_preset():
    limits = parse('preset = "strict"\n[per_minute]\nGetListing = "unlimited"', GIVEN_SETTINGS)
    assert limits.keys() == POLICIES.keys() - {"GetListing"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GetListing = ", "not TOML: "),
        ("GetListing = 5", "GetListing: unknown; the file holds `preset` and the table `[per_minute]`"),
        ('preset = "loose"', "preset: 'loose' is none of compatible, strict"),
        ("per_minute = 5", "per_minute: write a table"),
        ("[per_minute]\nGetListings = 5", "per_minute.GetListings: no such method; did you mean GetListing?"),
        ("[per_minute]\nGetListing = 0", "per_minute.GetListing: 0 is not a whole number from 1 to 600000"),
        ("[per_minute]\nGetListing = 1.5", "per_minute.GetListing: 1.5 is not a whole number"),
        ("[per_minute]\nGetListing = true", "per_minute.GetListing: True is not a whole number"),
        ('[per_minute]\nGetListing = "many"', 'nor "unlimited"'),
        ("[per_minute]\nGetListing = 600001", "600001 is not a whole number"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(text, said):
    with pytest.raises(BadLimits) as refused:
        parse(text, GIVEN_SETTINGS)
    assert said in str(refused.value)


class Held(Limiter):
    """A limiter whose limits can be read."""

    @property
    def held(self) -> dict[str, RateLimit]:
        return self._limits


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def limiter(metrics: Metrics) -> Held:
    class NoBuckets:
        def take(self, key: object, rate: object) -> int:
            raise AssertionError

    return Held(RateLimitSettings(), metrics.rate_limit, NoBuckets(), changeable=True)


async def test_what_changes_in_the_file_holds_and_a_bad_file_changes_nothing(tmp_path, metrics, limiter):
    path = tmp_path / "limits.toml"
    path.write_text("[per_minute]\nGetListing = 400")
    file = LimitsFile(path, GIVEN_SETTINGS, limiter, metrics.rate_limit)
    file.load()

    async def now_holds() -> tuple[int, float, float]:
        await file.look()
        read = metrics.registry.get_sample_value
        exported = read("listings_rate_limit_per_minute", {"method": POLICIES["GetListing"].path})
        return limiter.held["GetListing"].per_minute, exported, read("listings_rate_limit_file_ok")

    assert await now_holds() == (400, 400, 1)
    path.write_text("[per_minute]\nGetListing = 500")
    assert await now_holds() == (500, 500, 1)
    path.write_text("[per_minute]\nGetListing = many")
    assert await now_holds() == (500, 500, 0)
    path.write_bytes(b"\xff")
    assert await now_holds() == (500, 500, 0)
    path.unlink()
    assert await now_holds() == (500, 500, 0)
    path.write_text("[per_minute]\nGetListing = 500")  # what it was: also good again
    assert await now_holds() == (500, 500, 1)
    path.write_text("")
    assert await now_holds() == (200, 200, 1)


@pytest.mark.parametrize("text", [None, "[per_minute]\nGetListings = 5"])
def test_a_service_does_not_start_on_a_file_that_it_cannot_use(tmp_path, metrics, limiter, text):
    path = tmp_path / "limits.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadLimits, match=f"LISTINGS_RATE_LIMIT_FILE {path}: ") as refused:
        LimitsFile(path, GIVEN_SETTINGS, limiter, metrics.rate_limit).load()
    assert ("did you mean GetListing?" in str(refused.value)) == (text is not None)
