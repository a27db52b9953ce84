"""Both versions of Helm that people use; each test of a chart runs with each."""

from __future__ import annotations

import pytest
from e2e.cluster.binaries import HELM, Binaries
from e2e.helm import Helm


@pytest.fixture(params=[program.name for program in HELM])
def helm(request: pytest.FixtureRequest) -> Helm:
    return helm_named(request.param)


@pytest.fixture
def helm_4() -> Helm:
    """Give Helm 4 alone: it shows the notes of a chart without a cluster."""
    return helm_named("helm4")


def helm_named(name: str) -> Helm:
    binaries = Binaries.cached()
    if not binaries[name].exists():
        pytest.skip(f"{name} is not built yet; `make e2e-binaries` builds it")
    return Helm(binaries[name])
