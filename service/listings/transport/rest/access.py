"""Whom a REST request acts for: a token's user, else the `user_id` that the request names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.domain.errors import invalid

if TYPE_CHECKING:
    from listings.transport.call import Call


def acting_user(call: Call, given: int | None, *, where: str) -> int:
    """The acting user's id; `where` says in which part of the request `user_id` belongs.

    A user's verified token wins over what the request says; only an administrator's or a service's may
    name somebody else.
    Raises InvalidArgument naming `user_id` when there is neither.
    """
    identity = call.identity
    if identity is not None and not (identity.acts_for_anyone and given is not None) and identity.user_id:
        return identity.user_id
    if given is None:
        raise invalid(
            "user_id",
            f"user_id is required: send a bearer token, or user_id in the {where}",
            reason="USER_REQUIRED",
        )
    return given


def required_owner(call: Call, given: int | None) -> int | None:
    """Who must own what a request changes that may name no user; None: nobody has to.

    A verified token decides; without verification the request's `user_id` is taken at its word.
    """
    return call.required_owner() if call.identity_checked else given


def is_admin(call: Call) -> bool:
    """Whether the caller proved the administrator's role; nobody can claim it on this edge."""
    return call.identity is not None and call.identity.is_admin
