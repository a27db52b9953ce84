"""What stands before every handler on both edges: identity, then the rate limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.domain.errors import PermissionDenied
from listings.transport.identity import token_missing
from listings.transport.policy import Access

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from listings.transport.call import Call, Identity
    from listings.transport.identity import TokenVerifier
    from listings.transport.limits import Limiter
    from listings.transport.policy import Policy


class Guard:
    """Admits a call or raises the reason why not. Cheap when both identity and limits are off."""

    def __init__(
        self, verifier: TokenVerifier | None, limiter: Limiter | None, *, private_only: bool = False
    ) -> None:
        """`verifier` None: tokens are not looked at; `limiter` None: nothing is limited.

        `private_only`: tokens are verified where they are required and ignored on public reads.
        """
        self._verifier = verifier
        self._limiter = limiter
        self._private_only = private_only

    def admission(self, policy: Policy) -> Callable[[Call, Policy], Awaitable[None] | None] | None:
        """What to ask before each call of a method: `admit`, or less where less is configured, or nothing.

        Decided once, so that a cached answer does not pay for what is switched off.
        """
        identifies = self._verifier is not None and not (
            self._private_only and policy.access is Access.PUBLIC
        )
        limits = self._limiter is not None and self._limiter.limits(policy)
        if identifies:
            return self.admit
        return self._limiter.admit if self._limiter is not None and limits else None

    def admit(self, call: Call, policy: Policy) -> Awaitable[None] | None:
        """Raise Unauthenticated, PermissionDenied or ResourceExhausted, or let the call pass with its identity set.

        What is returned must be awaited; it may raise ResourceExhausted still.
        A public method with a bad token is refused too: a client that sends one wants to know.
        """
        if self._verifier is not None:
            private = policy.access is not Access.PUBLIC
            if private or not self._private_only:
                self.identify(call, required=private)
            if private and call.identity is not None:
                _check_rights(call.identity, policy)
        return self._limiter.admit(call, policy) if self._limiter is not None else None

    def identify(self, call: Call, *, required: bool) -> None:
        """Set the call's verified identity; raises Unauthenticated when it is required and absent."""
        if self._verifier is None:
            return
        call.identity_checked = True
        header = call.headers.get("authorization", "")
        if not header:
            if required:
                raise token_missing()
            return
        call.identity = self._verifier.identity_of(header)


def _check_rights(identity: Identity, policy: Policy) -> None:
    """Raise PermissionDenied for a service without the method's scope, and for a user where only services may."""
    if identity.is_admin or (policy.scope is not None and policy.scope in identity.scopes):
        return
    if identity.service or policy.access is Access.SERVICE:
        raise PermissionDenied(
            f"{policy.method} needs a token with the scope {policy.scope}",
            reason="SCOPE_MISSING",
            metadata={"scope": str(policy.scope)},
        )
