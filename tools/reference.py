"""Make the pages that follow from code: settings, access, commands, limits, metrics, the resource, the list of runbooks.

`make docs` calls `generate`; a consistency test calls `pages` and compares, so that no page can fall behind.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import custom_resource
import metrics_reference
import runbooks_index
import typer.main
from pydantic import SecretStr

from listings.cli import app
from listings.environment import (
    KEYS,
    MEANINGLESS,
    OLD_PREFIX,
    OTHER_VARIABLES,
    PREFIX,
    RENAMED,
    example_of,
    group_fields,
)
from listings.settings import Settings
from listings.transport.policy import POLICIES, STRICT_LIMIT, Access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = Path("docs/reference")
_MADE: Final = "<!-- Generated from the code by `make docs`; edit {where} instead. -->"


def pages() -> dict[Path, str]:
    """Every page by its path in the repository."""
    return {
        FOLDER / "configuration.md": "\n".join(configuration_page()) + "\n",
        FOLDER / "access.md": "\n".join(access_page()) + "\n",
        FOLDER / "cli.md": "\n".join(cli_page()).rstrip() + "\n",
        FOLDER / "limits.md": "\n".join(limits_page()) + "\n",
        FOLDER / "custom-resource.md": "\n".join(
            custom_resource.page(_MADE.format(where="operator/listings_operator/{spec,crd,vocabulary}.py"))
        )
        + "\n",
        FOLDER / "metrics.md": "\n".join(
            metrics_reference.page(_MADE.format(where="service/listings/{metrics,state_metrics}.py"))
        )
        + "\n",
        Path("docs/runbooks/README.md"): runbooks_index.page(),
    }


def configuration_page() -> Iterator[str]:
    """One table per group of settings."""
    yield _MADE.format(where="service/listings/settings.py")
    yield ""
    yield "# Settings"
    yield ""
    yield "How they are read, and what is often needed: [Configure it](../how-to/configuration.md)."
    groups = dict.fromkeys(group for group, _ in KEYS.values())
    for group in groups:
        model = Settings if not group else Settings.model_fields[group].annotation
        assert isinstance(model, type)
        yield ""
        yield f"## {(group or 'environment').replace('_', ' ').capitalize()}"
        yield ""
        if group:
            yield (model.__doc__ or "").strip()
            yield ""
        yield "| Variable | Default | Meaning | Example |"
        yield "|---|---|---|---|"
        for key, (owner, name) in KEYS.items():
            if owner == group:
                field = group_fields(group)[name]
                yield f"| `{PREFIX}{key}` | {_default(field)} | {_meaning(field)} | {_example(field)} |"
    yield ""
    yield "## Variables that are not settings of the service"
    yield ""
    yield "| Variable | Meaning |"
    yield "|---|---|"
    for name, meaning in OTHER_VARIABLES.items():
        yield f"| `{name}` | {meaning} |"
    yield ""
    yield "## Old names"
    yield ""
    yield f"`{OLD_PREFIX}<KEY>` is read for every setting above of the same key, and for these:"
    yield ""
    yield "| Old | New |"
    yield "|---|---|"
    for old, new in RENAMED.items():
        yield f"| `{OLD_PREFIX}{old}` | `{PREFIX}{new}` |"
    yield ""
    yield "These mean nothing here any more:"
    yield ""
    yield "| Old | Why |"
    yield "|---|---|"
    for old, reason in MEANINGLESS.items():
        yield f"| `{OLD_PREFIX}{old}` | {reason} |"


_WHO: Final = {
    Access.PUBLIC: "everybody",
    Access.USER: "users, services with the scope",
    Access.SERVICE: "services with the scope, administrators",
}


def access_page() -> Iterator[str]:
    """Who may call what where tokens are verified."""
    yield _MADE.format(where="service/listings/transport/policy.py")
    yield ""
    yield "# Who may call what"
    yield ""
    yield "Where tokens are verified ([Secure it](../how-to/secure.md)). REST routes follow the method they answer like."
    yield ""
    yield "| Method | Who may call | Scope of a service |"
    yield "|---|---|---|"
    for method, policy in POLICIES.items():
        scope = f"`{policy.scope}`" if policy.scope is not None else ""
        yield f"| `{method}` | {_WHO[policy.access]} | {scope} |"


def cli_page() -> Iterator[str]:
    """Every command with its arguments and options, as its help says them."""
    yield _MADE.format(where="the docstrings of service/listings/cli")
    yield ""
    yield "# Commands"
    yield ""
    yield "`listings COMMAND --help` says the same. Settings come from [the environment](configuration.md)."
    root = typer.main.get_command(app)
    yield from _commands(root, "listings")


def limits_page() -> Iterator[str]:
    """What every method may take and how often it may be called."""
    yield _MADE.format(where="service/listings/transport/policy.py")
    yield ""
    yield "# Limits and timeouts"
    yield ""
    yield (
        "A caller's own deadline wins where it is shorter. Timeouts of the preset `tight` hold with "
        "`LISTINGS_TIMEOUTS_PRESET=tight`, limits of the preset `strict` with `LISTINGS_RATE_LIMIT_PRESET=strict`. "
        "A REST route has the limit and the timeout of its RPC, and shares the RPC's buckets."
    )
    yield ""
    yield (
        "A limit of n lets n calls through at once and brings back n a minute, so at most 2n in any one minute. "
        "`user_id`: the token's user, the `user-id` metadata where tokens are not verified, and the address where "
        "there is neither. Addresses are those of [the caller or what a trusted proxy says](configuration.md#rate-limit), "
        "without port; all addresses of an IPv6 /64 are one caller. Loopback and "
        "`LISTINGS_RATE_LIMIT_UNLIMITED_NETWORKS` are not limited, neither are health, reflection and metrics. "
        "How to change a limit while calls are served: [Tune rate limits](../how-to/limits.md)."
    )
    yield ""
    yield "| Method | Timeout | `tight` | Calls per minute | `strict` | Told apart by | Needs a token |"
    yield "|---|---|---|---|---|---|---|"
    for policy in sorted(POLICIES.values(), key=lambda policy: policy.method):
        limit = policy.limit
        strict = limit or STRICT_LIMIT
        yield (
            f"| {policy.method} | {policy.timeout_default:g} s | {policy.timeout_tight:g} s "
            f"| {limit.per_minute if limit else ''} | {strict.per_minute} | {strict.by.value} "
            f"| {'' if policy.access is Access.PUBLIC else 'yes'} |"
        )
    yield ""
    yield (
        "A refused call is answered with `RESOURCE_EXHAUSTED` and `RetryInfo`, over REST with 429 and `Retry-After`: "
        "the same time, there in whole seconds, after which a token is back. Its reason is `RATE_LIMIT_EXCEEDED`."
    )


def _commands(command: Any, path: str) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is not None:
        if path != "listings":
            yield ""
            yield f"## {path}"
            yield ""
            yield _text(command.help)
            if command.epilog:
                yield ""
                yield _text(command.epilog)
        for name, child in children.items():
            if not child.hidden:
                yield from _commands(child, f"{path} {name}")
        return
    yield ""
    yield f"{'###' if path.count(' ') > 1 else '##'} {path}"
    yield ""
    yield _text(command.help)
    options = [parameter for parameter in command.params if parameter.name != "help"]
    if options:
        yield ""
        yield "| | Default | Meaning |"
        yield "|---|---|---|"
        for parameter in options:
            yield _parameter(parameter)


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
    else:
        name = ", ".join([*parameter.opts, *parameter.secondary_opts])
    default = parameter.default
    shown = "" if default is None or default is False or callable(default) else f"`{default}`"
    if isinstance(parameter.show_default, str):
        shown = f"`{parameter.show_default}`"
    variable = f" Or `{parameter.envvar}`." if getattr(parameter, "envvar", None) else ""
    return f"| `{name}` | {shown} | {_cell(parameter.help or '')}{variable} |"


def _text(text: str | None) -> str:
    return "\n".join(line.rstrip() for line in (text or "").strip().splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "&#124;").replace("\n", " ")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _example(field: FieldInfo) -> str:
    shown = _code(example_of(field))
    return "" if shown == _default(field) else shown


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, SecretStr) or value in ("", [], {}):
        return ""
    if isinstance(value, list):
        return _code(",".join(value))
    if isinstance(value, bool):
        return _code(str(value).lower())
    return _code(_number(value) if isinstance(value, int | float) else str(value))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _meaning(field: FieldInfo) -> str:
    limits = [
        f"{text} {_number(getattr(rule, name))}"
        for rule in field.metadata
        for name, text in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))
        if getattr(rule, name, None) is not None
    ]
    bounds = f" ({', '.join(limits)})" if limits else ""
    return _cell(f"{(field.description or '').rstrip('.')}{bounds}.")


def main() -> int:
    """Write the pages, or name those that differ."""
    parser = argparse.ArgumentParser(description="Reference pages from code")
    parser.add_argument("command", choices=["generate", "check"])
    command = parser.parse_args().command
    drifted = []
    for path, text in pages().items():
        target = ROOT / path
        if command == "generate":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            drifted.append(path)
    for path in drifted:
        print(f"{path} does not follow from the code: run `make docs` and commit its result", file=sys.stderr)
    return 1 if drifted else 0


if __name__ == "__main__":
    raise SystemExit(main())
