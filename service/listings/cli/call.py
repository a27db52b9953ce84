"""`listings call METHOD '{json}'`: one RPC from the command line, with an answer and errors made for reading."""

from __future__ import annotations

import difflib
import inspect
import json
import re
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Final

import grpc
import typer
from google.protobuf import json_format
from rich.console import Console
from rich.json import JSON
from rich.table import Table
from rich.text import Text

from listings.cli.complaints import complain
from listings.cli.tables import print_table
from listings.client import CallError, SyncListingsClient
from listings.client.calls import SERVICE, UnknownMethod, method_named, request_type
from listings.client.methods import READS, SyncMethods

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
    from google.protobuf.message import Message

USAGE: Final = 2

_REMEDIES: Final = {
    grpc.StatusCode.UNAVAILABLE: "Is the service running at that address? Start it with `listings dev`, look with `listings doctor`.",
    grpc.StatusCode.UNAUTHENTICATED: "Give a token: --token, LISTINGS_TOKEN, or on a demo service `listings demo token`.",
    grpc.StatusCode.PERMISSION_DENIED: "The token's user may not do this; an admin's token may (`listings demo token --admin`).",
    grpc.StatusCode.DEADLINE_EXCEEDED: "Allow more time with --deadline. A write may have happened all the same: read before repeating.",
    grpc.StatusCode.ABORTED: "Another writer was first: read again, then repeat.",
    grpc.StatusCode.INTERNAL: "A defect of the service: its log has the request id.",
    grpc.StatusCode.UNIMPLEMENTED: "That service is older than this client.",
}


def call(
    method: Annotated[
        str | None, typer.Argument(help="The RPC: GetListing, get_listing, ...", show_default=False)
    ] = None,
    request: Annotated[
        str, typer.Argument(help="Its request as JSON; - reads it from standard input.", metavar="JSON")
    ] = "{}",
    address: Annotated[
        str, typer.Option(envvar="LISTINGS_ADDRESS", help="host:port of the gRPC server.")
    ] = "localhost:50053",
    token: Annotated[
        str | None,
        typer.Option(envvar="LISTINGS_TOKEN", help="Bearer token, where the service verifies them."),
    ] = None,
    user: Annotated[
        int | None, typer.Option(help="User id to call as, where the service does not verify tokens.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="Speak TLS; PEM file of who signed the server's certificate.")
    ] = None,
    cert: Annotated[
        Path | None, typer.Option(help="PEM file of your own certificate, where the server asks for one.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its private key.")] = None,
    deadline: Annotated[float, typer.Option(help="Seconds to wait for the answer.", min=0.001)] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Plain JSON, for pipes.")] = False,
    show_list: Annotated[
        bool, typer.Option("--list", help="List the methods instead of calling one.")
    ] = False,
) -> None:
    """Call one RPC and print its answer.

    listings call GetListing '{"id": 1}'

    listings call SearchListings '{"query": "bicikl", "limit": 3}'

    The request may be left out where it is empty. A method with --list shows the fields it takes.
    """
    if method is None:
        if not show_list:
            raise complain("Name a method, or list them with --list", "listings call --list", code=USAGE)
        _list_methods()
        return
    try:
        found = method_named(method)
    except UnknownMethod as error:
        raise complain(f"There is no method {method}", _near(error), code=USAGE) from None
    if show_list:
        _list_fields(found)
        return
    given = sys.stdin.read() if request == "-" else request
    message = _parsed(found, given)
    channel = _encrypted(address, ca, cert, key)
    try:
        with SyncListingsClient(
            address, token=token, user_id=user, deadline=deadline, channel=channel
        ) as client:
            answer = client.call(found.name, message)
    except CallError as error:
        ending = _explained(error, address)
        if error.code is grpc.StatusCode.INVALID_ARGUMENT and not json.loads(given):
            typer.echo(f"  The fields it takes: listings call {found.name} --list", err=True)
        raise ending from None
    _print(answer, as_json=as_json or not sys.stdout.isatty())


def _encrypted(address: str, ca: Path | None, cert: Path | None, key: Path | None) -> grpc.Channel | None:
    """A channel that speaks TLS; None where nothing says so."""
    if ca is None and cert is None and key is None:
        return None
    if ca is None or (cert is None) != (key is None):
        raise complain("--cert and --key serve together, and beside --ca", "--ca ca.crt", code=USAGE)
    try:
        authority, certificate, private = (path.read_bytes() if path else None for path in (ca, cert, key))
    except OSError as error:
        raise complain(f"{error.filename}: {error.strerror}", "--ca ca.crt", code=USAGE) from None
    credentials = grpc.ssl_channel_credentials(authority, private, certificate)
    return grpc.secure_channel(address, credentials)


def _near(error: UnknownMethod) -> str:
    _, _, near = str(error).partition(": ")
    return near.replace("did", "Did", 1) if near else "List them with: listings call --list"


def _parsed(method: MethodDescriptor, text: str) -> Message:
    """The request, or a complaint that names the place in the JSON and the field meant."""
    message = request_type(method)()
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        pointer = f"{text.splitlines()[error.lineno - 1] if text else ''}\n  {' ' * (error.colno - 1)}^"
        raise complain(
            f"The request is not JSON: {error.msg}, line {error.lineno} column {error.colno}",
            pointer,
            code=USAGE,
        ) from None
    if not isinstance(values, dict):
        raise complain("The request must be a JSON object", 'For example {"id": 1}', code=USAGE)
    try:
        return json_format.ParseDict(values, message)
    except json_format.ParseError as error:
        remedy = (
            _field_remedy(method.input_type, values) or f"See the fields: listings call {method.name} --list"
        )
        raise complain(f"{method.name} does not take this: {_plain(error)}", remedy, code=USAGE) from None


def _plain(error: json_format.ParseError) -> str:
    """Protobuf's text without the names of its own classes."""
    text = str(error).replace(f'Message type "{SERVICE.file.package}.', 'Message "')
    text = text.partition("\n")[0].partition(" Available Fields")[0].rstrip(".")
    return re.sub(r"invalid literal for int\(\) with base 10: (.*)", r"\1 is not a whole number", text)


def _field_remedy(descriptor: Descriptor, values: dict[str, object]) -> str:
    known = {name: field for field in descriptor.fields for name in (field.name, field.json_name)}
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            near = f"Did you mean {known[close[0]].name}? " if close else ""
            return f"{near}Its fields: {', '.join(field.name for field in descriptor.fields) or 'none'}"
    return ""


def _explained(error: CallError, address: str) -> typer.Exit:
    """Status, reason, each field and what to do; the exit code is 1 for every refusal."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    title = Text("✗ ", style="red") + Text(error.code.name, style="bold") + Text(f"  {error.message}")
    console.print(title)
    for problem in error.fields:
        console.print(Text(f"  {problem.field or '(request)'}: ", style="bold") + Text(problem.description))
    details = {
        "reason": error.reason,
        **error.metadata,
        "address": address if error.code is grpc.StatusCode.UNAVAILABLE else "",
        "request id": error.request_id,
    }
    shown = ", ".join(f"{key} {value}" for key, value in details.items() if value)
    if shown:
        console.print(Text(f"  {shown}", style="dim"))
    if error.retry_after is not None:
        console.print(Text(f"  Try again in {error.retry_after:.1f} s."))
    elif error.code in _REMEDIES:
        console.print(Text(f"  {_REMEDIES[error.code]}"))
    return typer.Exit(1)


def _print(answer: Message, *, as_json: bool) -> None:
    text = json_format.MessageToJson(
        answer,
        preserving_proto_field_name=True,
        ensure_ascii=False,
        always_print_fields_with_no_presence=True,  # a false is an answer too
    )
    if as_json:
        typer.echo(text)
    elif text == "{}":
        Console().print(Text("✓ done (the answer is empty)", style="green"))
    else:
        Console().print(JSON(text, ensure_ascii=False), soft_wrap=True)


def _list_methods() -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for method in SERVICE.methods:
        reads = method.name in READS
        does = Text("reads", style="dim") if reads else Text("writes", style="yellow")
        table.add_row(method.name, does, _summary(method.name))
    print_table(table)
    console = Console(highlight=False)
    if console.is_terminal:
        console.print("\nThe fields of one: listings call GetListing --list")


def _summary(method: str) -> str:
    named = {name.replace("_", ""): function for name, function in vars(SyncMethods).items()}
    return inspect.getdoc(named[method.lower()]) or ""


def _list_fields(method: MethodDescriptor) -> None:
    console = Console(highlight=False)
    console.print(Text(method.name, style="bold") + Text(f"  {_summary(method.name)}"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2))
    for field in method.input_type.fields:
        table.add_row(field.name, Text(_type_of(field), style="dim"))
    if method.input_type.fields:
        print_table(table)
    else:
        console.print(Text("It takes no fields.", style="dim"))


def _type_of(field: FieldDescriptor) -> str:
    kinds = {
        "int": {field.TYPE_INT64, field.TYPE_INT32, field.TYPE_UINT32, field.TYPE_UINT64},
        "text": {field.TYPE_STRING},
        "true or false": {field.TYPE_BOOL},
        "number": {field.TYPE_DOUBLE, field.TYPE_FLOAT},
    }
    named = next((kind for kind, types in kinds.items() if field.type in types), None)
    if named is None and field.enum_type is not None:
        named = " or ".join(value.name for value in field.enum_type.values)
    if named is None:
        named = field.message_type.name if field.message_type is not None else "bytes"
    return f"list of {named}" if field.is_repeated else named
