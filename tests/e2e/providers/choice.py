"""Chooses who provides the cluster: the first that can, or the one that LISTINGS_E2E_PROVIDER names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from e2e.providers.existing import Existing
from e2e.providers.kind import Kind
from e2e.providers.local import Local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from e2e.providers.clusters import Provider

PROVIDERS: Final[Sequence[Provider]] = (Local(), Kind(), Existing())


class NoProvider(Exception):
    """Nobody can provide a cluster here; the text says what each lacks."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who was chosen, and why not those before."""

    provider: Provider
    passed_over: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join([f"cluster provider: {self.provider.name}", *self.passed_over])


def choose(named: str = "", providers: Sequence[Provider] = PROVIDERS) -> Choice:
    """Return the provider to use. Raises NoProvider."""
    if named and named not in {provider.name for provider in providers}:
        known = ", ".join(provider.name for provider in providers)
        raise NoProvider(f"LISTINGS_E2E_PROVIDER is {named!r}; there are {known}")
    passed_over: list[str] = []
    for provider in providers:
        if named and provider.name != named:
            continue
        obstacle = provider.obstacle()
        if not obstacle:
            return Choice(provider, tuple(passed_over))
        passed_over.append(f"not {provider.name}: {obstacle}")
    raise NoProvider("no cluster can be had here: " + "; ".join(passed_over))
