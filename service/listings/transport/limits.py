"""Who may call how often: token buckets by method and caller, in this process or shared through Redis."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from listings.domain.errors import ResourceExhausted
from listings.domain.token_bucket import per_minute
from listings.transport.call import ip_of
from listings.transport.policy import POLICIES, STRICT_LIMIT, LimitBy, RateLimit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from listings.domain.token_bucket import Rate
    from listings.limit_metrics import RateLimitMetrics
    from listings.settings import RateLimitSettings
    from listings.transport.call import Call
    from listings.transport.policy import Policy

# One subscriber of IPv6 has this whole network to call from.
_SUBSCRIBER_BITS: Final = 64
_MICROSECONDS: Final = 1_000_000


class Buckets(Protocol):
    """Where tokens are taken."""

    def take(self, key: str, rate: Rate) -> int | Awaitable[int]:
        """Take a token: 0, or the microseconds until there is one; at once where it can."""


def limits_of(preset: str, per_minute: Mapping[str, int | None] | None = None) -> dict[str, RateLimit]:
    """The limits by method: those of a preset, where `per_minute` says nothing else (None: not limited)."""
    others = STRICT_LIMIT if preset == "strict" else None
    limits = {method: policy.limit or others for method, policy in POLICIES.items()}
    for method, calls in (per_minute or {}).items():
        by = (POLICIES[method].limit or STRICT_LIMIT).by
        limits[method] = None if calls is None else RateLimit(calls, by)
    return {method: limit for method, limit in limits.items() if limit is not None}


class Limiter:
    """Judges calls by method and caller. Not for several threads."""

    def __init__(
        self,
        settings: RateLimitSettings,
        metrics: RateLimitMetrics,
        buckets: Buckets,
        *,
        changeable: bool = False,
    ) -> None:
        """`changeable`: limits may come and go while calls are served."""
        self._metrics = metrics
        self._buckets = buckets
        self._changeable = changeable
        self._trusted = [ipaddress.ip_network(text) for text in settings.trusted_proxies]
        self._free = [ipaddress.ip_network(text) for text in settings.unlimited_networks]
        self._in_trusted = lru_cache(maxsize=4096)(lambda ip: self._inside(ip, self._trusted))
        self._in_free = lru_cache(maxsize=4096)(lambda ip: self._inside(ip, self._free))
        self.set(limits_of(settings.preset, settings.per_minute))

    def set(self, limits: dict[str, RateLimit]) -> None:
        """Hold these limits from the next call on.

        A bucket keeps its share of tokens: who had used half of the old limit has half of the new one left.
        """
        self._limits = limits
        self._metrics.limits_are(
            {POLICIES[method].path: limit.per_minute for method, limit in limits.items()}
        )

    def limits(self, policy: Policy) -> bool:
        """Whether calls of this method are counted at all, or may be once limits change."""
        return self._changeable or policy.method in self._limits

    def admit(self, call: Call, policy: Policy) -> Awaitable[None] | None:
        """Take one token of the caller's bucket; raises ResourceExhausted with the time to wait.

        Where another process must be asked, what is returned raises instead, when awaited.
        """
        limit = self._limits.get(policy.method)
        if limit is None:
            return None
        ip = self.client_ip(call) if self._trusted else call.peer_ip
        if self._in_free(ip):
            return None
        user = self._user(call) if limit.by is LimitBy.USER else ""
        kind = LimitBy.USER if user else LimitBy.IP
        # No address begins with a u.
        identifier = f"u{user}" if user else _subscriber(ip)
        wait = self._buckets.take(f"{policy.method}:{identifier}", per_minute(limit.per_minute))
        if not isinstance(wait, int):
            return self._judged_later(wait, policy, limit, kind)
        self._judged(wait, policy, limit, kind)
        return None

    async def _judged_later(
        self, wait: Awaitable[int], policy: Policy, limit: RateLimit, kind: LimitBy
    ) -> None:
        self._judged(await wait, policy, limit, kind)

    def _judged(self, wait: int, policy: Policy, limit: RateLimit, kind: LimitBy) -> None:
        self._metrics.judged(policy.path, kind.value, allowed=not wait)
        if wait:
            raise ResourceExhausted(
                f"rate limit exceeded: maximum {limit.per_minute} requests per 1m0s",
                reason="RATE_LIMIT_EXCEEDED",
                metadata={"limit": str(limit.per_minute), "identifier_type": kind.value},
                retry_after_seconds=wait / _MICROSECONDS,
            )

    def client_ip(self, call: Call) -> str:
        """The caller's address; forwarded headers count only from configured proxies."""
        if self._in_trusted(call.peer_ip):
            forwarded = call.headers.get("x-forwarded-for", "").split(",")
            # The right-most address that is not one of our proxies: those to its left are hearsay.
            for part in reversed([part for part in forwarded if part.strip()]):
                address = ip_of(part)
                if not self._in_trusted(address):
                    return address or call.peer_ip
            real = ip_of(call.headers.get("x-real-ip", ""))
            if real:
                return real
        return call.peer_ip

    def _user(self, call: Call) -> str:
        if call.identity is not None:
            return call.identity.name
        if call.identity_checked:
            return ""
        return call.headers.get("user-id", "")[:64]

    @staticmethod
    def _inside(ip: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        return any(address in network for network in networks)


@lru_cache(maxsize=4096)
def _subscriber(ip: str) -> str:
    """Who is behind an address: of IPv6, its network."""
    if ":" not in ip:
        return ip
    return str(ipaddress.ip_network((ip, _SUBSCRIBER_BITS), strict=False).network_address)
