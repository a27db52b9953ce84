"""What a handler may know about the call it answers, whichever edge it came through."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from listings.domain.errors import PermissionDenied, invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


def _no_deadline() -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified caller: a user, or a service that acts for those whom its requests name."""

    user_id: int
    """0 for a service."""
    roles: frozenset[str] = frozenset()
    is_admin: bool = False
    scopes: frozenset[str] = frozenset()
    service: str = ""
    """The service's name; empty for a user."""

    @property
    def name(self) -> str:
        """Who calls, for whoever counts calls."""
        return self.service or str(self.user_id)

    @property
    def acts_for_anyone(self) -> bool:
        """Whether a request may name another user, and change what others own."""
        return self.is_admin or bool(self.service)


@dataclass(slots=True)
class Call:
    """One call on its way through a pipeline.

    `identity_checked` says whether tokens are verified on this edge; only then does `identity` decide,
    otherwise the request's own `user_id` is believed, as the existing clients expect.
    """

    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    peer_ip: str = ""
    identity: Identity | None = None
    identity_checked: bool = False
    seconds_left: Callable[[], float | None] = _no_deadline
    """How much of the caller's own deadline is left; None when it set none."""
    _request_id: str = ""

    @property
    def request_id(self) -> str:
        """The caller's `x-request-id`, or one made the first time somebody asks."""
        if not self._request_id:
            given = self.headers.get("x-request-id", "")
            usable = 0 < len(given) <= 128 and given.isascii() and given.isprintable()
            self._request_id = given if usable else secrets.token_hex(8)
        return self._request_id

    def acting_user(self, user_id: int, *, field_name: str = "user_id") -> int:
        """The user this call acts for: the body's, which must be the token's own unless it acts for anyone.

        Raises InvalidArgument when no user is named, PermissionDenied for somebody else's.
        """
        if self.identity_checked and self.identity is not None:
            if user_id == 0 and self.identity.user_id:
                return self.identity.user_id
            if user_id != self.identity.user_id and not self.identity.acts_for_anyone:
                raise PermissionDenied(
                    f"{field_name} {user_id} is not the user of the token",
                    reason="USER_MISMATCH",
                    metadata={"field": field_name},
                )
        if user_id <= 0:
            raise invalid(field_name, f"{field_name} must be greater than 0")
        return user_id

    @property
    def actor_id(self) -> int:
        """The verified caller, for audit trails; 0 where nobody is known."""
        return self.identity.user_id if self.identity is not None else 0

    def required_owner(self) -> int | None:
        """Who must own what a request without a `user_id` changes: the token's user.

        None where tokens are not verified, or where an administrator or a service calls: nobody has to.
        """
        if not self.identity_checked or self.identity is None or self.identity.acts_for_anyone:
            return None
        return self.identity.user_id

    def acts_as_admin(self, *, claimed: bool) -> bool:
        """Whether `is_admin` counts: with identity on, only with the admin role."""
        if self.identity_checked:
            return claimed and self.identity is not None and self.identity.is_admin
        return claimed


# A handler turns request bytes into answer bytes, at once when it can (a cached answer), else later.
if TYPE_CHECKING:
    Handler = Callable[[bytes, Call], bytes | Awaitable[bytes]]


def ip_of_peer(peer: str) -> str:
    """The address without port of gRPC's peer text (`ipv4:10.0.0.7:5123`, `ipv6:[::1]:5123`, `unix:`)."""
    scheme, _, rest = peer.partition(":")
    if scheme == "unix":
        return "127.0.0.1"
    return ip_of(rest.rpartition(":")[0].replace("%5B", "[").replace("%5D", "]"))


def ip_of(host: str) -> str:
    """An address in its one spelling, without port or brackets; empty when the text is none.

    An IPv4 address that came through an IPv6 socket is the IPv4 address.
    """
    host = host.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
