"""Settings of the operator: LISTINGS_OPERATOR_* environment variables, read once by `__main__.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be set; the chart sets what differs from the defaults."""

    model_config = SettingsConfigDict(env_prefix="LISTINGS_OPERATOR_", frozen=True)

    namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Namespaces to watch, separated by commas. Empty: all, which needs rights in all of them.",
    )
    identity: str = Field(
        "listings-operator", description="Who events say they are from: the name of the operator's pod."
    )
    host: str = Field("0.0.0.0", description="Address that probes and Prometheus reach.")  # noqa: S104 - a pod's own
    port: int = Field(
        8080, ge=0, le=65535, description="Port of /livez, /readyz and /metrics; 0: any free one."
    )
    workers: int = Field(
        8,
        ge=1,
        le=64,
        description="Resources looked at concurrently. Each look waits for the API, not for CPU.",
    )
    resync_seconds: float = Field(
        60.0,
        ge=1,
        le=3600,
        description="Longest time between two looks at a resource: bounds how late a missed event and a changed "
        "Secret are noticed.",
    )
    silence_seconds: float = Field(
        150.0,
        ge=1,
        le=3600,
        description="A watch that has not shown our own change for this long is dead, and /livez fails.",
    )
    longest_look_seconds: float = Field(
        120.0, ge=10, le=3600, description="A look that takes longer is given up and tried again."
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level logged.")

    @field_validator("namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(filter(None, (name.strip() for name in value.split(","))))
            if isinstance(value, str)
            else value
        )
