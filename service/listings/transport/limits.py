"""Token buckets in process: capacity n, refilled at n per minute (so at most 2n in any one minute)."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from listings.domain.errors import ResourceExhausted
from listings.transport.call import ip_of
from listings.transport.policy import STRICT_LIMIT, LimitBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from listings.metrics import RateLimitMetrics
    from listings.settings import RateLimitSettings
    from listings.transport.call import Call
    from listings.transport.policy import Policy

# Buckets kept per process: an idle one is full again after a minute, so the oldest may be forgotten.
_MOST_BUCKETS: Final = 100_000


class Limiter:
    """Judges calls by method and caller. Not for several threads."""

    def __init__(
        self,
        settings: RateLimitSettings,
        metrics: RateLimitMetrics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._strict = settings.preset == "strict"
        self._metrics = metrics
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._trusted = [ipaddress.ip_network(text) for text in settings.trusted_proxies]
        self._free = [ipaddress.ip_network(text) for text in settings.unlimited_networks]
        self._in_trusted = lru_cache(maxsize=4096)(lambda ip: self._inside(ip, self._trusted))
        self._in_free = lru_cache(maxsize=4096)(lambda ip: self._inside(ip, self._free))

    def limits(self, policy: Policy) -> bool:
        """Whether calls of this method are counted at all."""
        return self._strict or policy.limit is not None

    def admit(self, call: Call, policy: Policy) -> None:
        """Take one token of the caller's bucket; raises ResourceExhausted with the time to wait."""
        limit = policy.limit
        if limit is None:
            if not self._strict:
                return
            limit = STRICT_LIMIT
        ip = self.client_ip(call) if self._trusted else call.peer_ip
        if self._in_free(ip):
            return
        kind, identifier = "ip", ip
        if limit.by is LimitBy.USER:
            user = self._user(call)
            if user:
                kind, identifier = "user_id", user
        wait = self._take((policy.method, identifier), limit.per_minute)
        self._metrics.judged(policy.path, kind, allowed=wait is None)
        if wait is not None:
            raise ResourceExhausted(
                f"rate limit exceeded: maximum {limit.per_minute} requests per 1m0s",
                reason="RATE_LIMIT_EXCEEDED",
                metadata={"limit": str(limit.per_minute), "identifier_type": kind},
                retry_after_seconds=wait,
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
            return str(call.identity.user_id)
        if call.identity_checked:
            return ""
        return call.headers.get("user-id", "")[:64]

    def _take(self, key: tuple[str, str], per_minute: int) -> float | None:
        now = self._clock()
        tokens, at = self._buckets.pop(key, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - at) * per_minute / 60)
        if tokens >= 1:
            self._buckets[key] = (tokens - 1, now)
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
            return None
        self._buckets[key] = (tokens, now)
        return (1 - tokens) * 60 / per_minute

    @staticmethod
    def _inside(ip: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        return any(address in network for network in networks)
