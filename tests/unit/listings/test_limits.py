"""Token buckets: who shares one, what it admits, what it says when it is empty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.cache.local_buckets import LocalBuckets
from listings.domain.errors import ResourceExhausted
from listings.metrics import Metrics
from listings.settings import RateLimitSettings
from listings.transport.call import Call, Identity, ip_of_peer
from listings.transport.limits import Limiter
from listings.transport.policy import POLICIES, LimitBy, RateLimit

GET, CREATE, LIST_IMAGES = POLICIES["GetListing"], POLICIES["CreateListing"], POLICIES["GetListingImages"]


class Clock:
    """Told in seconds, read in microseconds."""

    now = 0.0

    def __call__(self) -> int:
        return round(self.now * 1_000_000)


def limiter(clock: Clock | None = None, **settings: object) -> Limiter:
    given_settings = RateLimitSettings.model_validate(settings)
    metrics = Metrics().rate_limit
    return Limiter(given_settings, metrics, LocalBuckets(metrics.buckets, clock=clock or Clock()))


def admitted(judge: Limiter, call: Call, policy: object, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            judge.admit(call, policy)  # type: ignore[arg-type] # a policy
        except ResourceExhausted:
            continue
        count += 1
    return count


def test_a_full_bucket_admits_exactly_the_limit_at_once():
    assert admitted(limiter(), Call("GetListing", peer_ip="10.0.0.1"), GET, 300) == 200


def test_the_refusal_says_the_limit_and_the_wait():
    judge = limiter()
    call = Call("GetListing", peer_ip="10.0.0.1")
    admitted(judge, call, GET, 200)
    with pytest.raises(ResourceExhausted) as refused:
        judge.admit(call, GET)
    assert refused.value.message == "rate limit exceeded: maximum 200 requests per 1m0s"
    assert refused.value.retry_after_seconds == pytest.approx(60 / 200)


@given(st.lists(st.floats(min_value=0, max_value=60), max_size=200))
def test_no_minute_admits_more_than_twice_the_limit(pauses):
    clock = Clock()
    judge = limiter(clock)
    call = Call("CreateListing", peer_ip="10.0.0.1")
    admissions: list[float] = []
    for pause in pauses:
        clock.now += pause
        admissions += [clock.now] * admitted(judge, call, CREATE, 20)
    for start in admissions:
        assert sum(1 for at in admissions if start <= at < start + 60) <= 100


@pytest.mark.parametrize("method", [method for method, policy in POLICIES.items() if policy.limit])
def test_whoever_waits_as_long_as_he_was_told_is_admitted_and_no_sooner(method):
    clock = Clock()
    judge = limiter(clock)
    call = Call(method, peer_ip="10.0.0.1")
    admitted(judge, call, POLICIES[method], POLICIES[method].limit.per_minute)
    with pytest.raises(ResourceExhausted) as refused:
        judge.admit(call, POLICIES[method])
    clock.now += refused.value.retry_after_seconds - 0.000_001
    assert admitted(judge, call, POLICIES[method], 1) == 0
    clock.now += 0.000_001
    assert admitted(judge, call, POLICIES[method], 2) == 1


def test_the_whole_bucket_is_back_after_a_minute():
    clock = Clock()
    judge = limiter(clock)
    call = Call("GetListing", peer_ip="10.0.0.1")
    assert admitted(judge, call, GET, 300) == 200
    clock.now += 60
    assert admitted(judge, call, GET, 300) == 200


def test_changed_limits_hold_from_the_next_call_and_leave_callers_their_share():
    judge = limiter()
    half_used, new = Call("GetListing", peer_ip="10.0.0.1"), Call("GetListing", peer_ip="10.0.0.2")
    assert admitted(judge, half_used, GET, 100) == 100
    judge.set({"GetListing": RateLimit(50, LimitBy.IP)})
    assert admitted(judge, half_used, GET, 100) == 25
    assert admitted(judge, new, GET, 100) == 50
    judge.set({})
    assert admitted(judge, new, GET, 500) == 500


def test_one_subscriber_of_ipv6_has_one_bucket():
    judge = limiter()
    near = sum(admitted(judge, Call("GetListing", peer_ip=f"2001:db8::{n:x}"), GET, 1) for n in range(250))
    assert near == 200
    assert admitted(judge, Call("GetListing", peer_ip="2001:db8:0:1::1"), GET, 250) == 200


def test_a_user_cannot_take_from_the_bucket_of_an_address():
    judge = limiter()
    assert admitted(judge, Call("CreateListing", {"user-id": "10.0.0.1"}, "10.0.0.2"), CREATE, 60) == 50
    assert admitted(judge, Call("CreateListing", {}, "10.0.0.1"), CREATE, 60) == 50


def test_callers_behind_different_addresses_do_not_share():
    judge = limiter()
    assert admitted(judge, Call("GetListing", peer_ip="10.0.0.1"), GET, 200) == 200
    assert admitted(judge, Call("GetListing", peer_ip="10.0.0.2"), GET, 200) == 200


def test_methods_do_not_share():
    judge = limiter()
    call = Call("GetListing", peer_ip="10.0.0.1")
    assert admitted(judge, call, GET, 250) == 200
    assert admitted(judge, call, POLICIES["ListListings"], 250) == 200


def test_writes_are_counted_by_user_wherever_the_user_is():
    judge = limiter()
    for number in range(50):
        judge.admit(Call("CreateListing", {"user-id": "7"}, f"10.0.0.{number}"), CREATE)
    with pytest.raises(ResourceExhausted):
        judge.admit(Call("CreateListing", {"user-id": "7"}, "10.0.1.1"), CREATE)


def test_a_write_without_a_user_is_counted_by_address():
    assert admitted(limiter(), Call("CreateListing", peer_ip="10.0.0.1"), CREATE, 60) == 50


def test_the_user_header_is_not_believed_when_tokens_are_checked():
    judge = limiter()
    for number in range(50):
        call = Call("CreateListing", {"user-id": str(number)}, "10.0.0.1", Identity(7), identity_checked=True)
        judge.admit(call, CREATE)
    with pytest.raises(ResourceExhausted):
        judge.admit(
            Call("CreateListing", {"user-id": "99"}, "10.0.0.1", Identity(7), identity_checked=True), CREATE
        )


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_is_not_limited(address):
    assert admitted(limiter(), Call("GetListing", peer_ip=address), GET, 500) == 500


def test_forwarded_addresses_of_strangers_are_not_believed():
    judge = limiter()
    count = sum(
        admitted(judge, Call("GetListing", {"x-forwarded-for": f"1.2.3.{number}"}, "10.0.0.1"), GET, 1)
        for number in range(250)
    )
    assert count == 200


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),  # what the client itself claims stands left
        ("203.0.113.9, 10.1.0.5", "203.0.113.9"),  # a second proxy of ours
        ("203.0.113.9:51234", "203.0.113.9"),  # some proxies add the port
        ("[2001:db8::9]:51234", "2001:db8::9"),
        ("2001:0db8::0009", "2001:db8::9"),  # one caller, however the address is written
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, not an address", "10.1.0.1"),  # whatever a proxy of ours did not write
        ("", "10.1.0.1"),
    ],
)
def test_a_configured_proxy_says_who_called(header, client):
    judge = limiter(trusted_proxies=["10.1.0.0/16"])
    assert judge.client_ip(Call("GetListing", {"x-forwarded-for": header}, "10.1.0.1")) == client


def test_compatible_leaves_other_methods_alone_and_strict_does_not():
    call = Call("GetListingImages", peer_ip="10.0.0.1")
    assert admitted(limiter(), call, LIST_IMAGES, 300) == 300
    assert admitted(limiter(preset="strict"), call, LIST_IMAGES, 300) == 100


@pytest.mark.parametrize(
    ("peer", "ip"),
    [
        ("ipv4:10.0.0.7:5123", "10.0.0.7"),
        ("ipv6:[::1]:5123", "::1"),
        ("ipv6:%5B2001:db8::1%5D:5123", "2001:db8::1"),
        ("ipv6:[::ffff:10.0.0.7]:5123", "10.0.0.7"),
        ("unix:/tmp/socket", "127.0.0.1"),
        ("nonsense", ""),
    ],
)
def test_ports_are_no_part_of_an_address(peer, ip):
    assert ip_of_peer(peer) == ip
