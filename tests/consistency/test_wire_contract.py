"""The descriptors keep the wire contract of tests/fixtures/wire_contract.yaml, and grow only beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from listings.v1 import listings_pb2

TESTS: Final = Path(__file__).resolve().parent.parent
CONTRACT: Final[dict[str, Any]] = yaml.load(
    (TESTS / "fixtures" / "wire_contract.yaml").read_text("utf-8"), yaml.CSafeLoader
)
PACKAGE: Final[str] = CONTRACT["package"]

# Below this number the contract's own numbering goes on; ours starts here.
FIRST_ADDED_NUMBER: Final = 100


class Field(NamedTuple):
    """A field as the fixture writes it."""

    name: str
    type: str
    label: str


class Method(NamedTuple):
    request: str
    response: str


class Interface(NamedTuple):
    """What a set of proto files puts on the wire."""

    methods: dict[str, Method]
    messages: dict[str, dict[int, Field]]


def interface(files: list[FileDescriptorProto]) -> Interface:
    methods = {
        method.name: Method(method.input_type.removeprefix("."), method.output_type.removeprefix("."))
        for file in files
        for service in file.service
        for method in service.method
    }
    messages = {
        message.name: {field.number: described(message, field) for field in message.field}
        for file in files
        for message in file.message_type
    }
    return Interface(methods, messages)


def described(message: DescriptorProto, field: FieldDescriptorProto) -> Field:
    for nested in message.nested_type:
        if nested.options.map_entry and field.type_name == f".{PACKAGE}.{message.name}.{nested.name}":
            key, value = (described(nested, entry).type for entry in nested.field)
            return Field(field.name, f"map<{key}, {value}>", "repeated")
    scalar = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    label = "single"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        label = "repeated"
    elif field.proto3_optional:
        label = "optional"
    return Field(field.name, field.type_name.removeprefix(".") or scalar, label)


def served_files() -> list[FileDescriptorProto]:
    """The files that `listings_pb2` hands out: itself and what it imports publicly."""
    entry = listings_pb2.DESCRIPTOR
    files = []
    for descriptor in [entry, *entry.public_dependencies]:
        proto = FileDescriptorProto()
        descriptor.CopyToProto(proto)
        files.append(proto)
    return files


@pytest.fixture(scope="module")
def contract() -> Interface:
    return Interface(
        {name: Method(*types) for name, types in CONTRACT["methods"].items()},
        {
            name: {number: Field(*field) for number, field in fields.items()}
            for name, fields in CONTRACT["messages"].items()
        },
    )


@pytest.fixture(scope="module")
def ours() -> Interface:
    return interface(served_files())


def field_set(given: Interface) -> set[tuple[str, int, Field]]:
    return {
        (name, number, field) for name, fields in given.messages.items() for number, field in fields.items()
    }


def test_every_method_message_and_field_of_the_contract_is_served_unchanged(
    contract: Interface, ours: Interface, capsys: pytest.CaptureFixture[str]
):
    counts = CONTRACT["counts"]
    methods = contract.methods.items() & ours.methods.items()
    messages = contract.messages.keys() & ours.messages.keys()
    fields = field_set(contract) & field_set(ours)
    with capsys.disabled():
        print(
            f"\nwire contract: {len(methods)}/{counts['methods']} methods, "
            f"{len(messages)}/{counts['messages']} messages, {len(fields)}/{counts['fields']} fields; "
            f"added: {len(ours.methods) - len(methods)} methods, {len(ours.messages) - len(messages)} messages, "
            f"{len(field_set(ours)) - len(fields)} fields"
        )
    assert contract.methods.items() - ours.methods.items() == set()
    assert contract.messages.keys() - ours.messages.keys() == set()
    assert field_set(contract) - field_set(ours) == set()
    assert (len(methods), len(messages), len(fields)) == (
        counts["methods"],
        counts["messages"],
        counts["fields"],
    )


def test_added_fields_of_old_messages_are_numbered_from_100(contract: Interface, ours: Interface):
    too_low = [
        f"{message}.{field.name} = {number}"
        for message, number, field in sorted(field_set(ours) - field_set(contract))
        if message in contract.messages and number < FIRST_ADDED_NUMBER
    ]
    assert too_low == []


def test_added_methods_have_a_request_and_a_response_of_their_own(contract: Interface, ours: Interface):
    # buf holds new RPCs to this too, but must excuse the file in which all of them stand.
    added = {name: types for name, types in ours.methods.items() if name not in contract.methods}
    assert added == {name: Method(f"{PACKAGE}.{name}Request", f"{PACKAGE}.{name}Response") for name in added}


def test_there_is_one_service_without_streams_under_the_name_clients_call():
    services = [service for file in served_files() for service in file.service]
    assert [service.name for service in services] == [CONTRACT["service"]]
    assert {file.package for file in served_files()} == {PACKAGE}
    streaming = [m.name for m in services[0].method if m.client_streaming or m.server_streaming]
    assert streaming == []


def test_listings_pb2_offers_every_message(ours: Interface):
    assert [name for name in ours.messages if not hasattr(listings_pb2, name)] == []


def test_no_oneof_or_enum_hides_beside_the_compared_facts():
    # The comparison above does not look at them; optional fields have a synthetic oneof each, and nothing else may.
    for file in served_files():
        assert not file.enum_type, file.name
        for message in file.message_type:
            assert not message.enum_type, message.name
            optional = [field for field in message.field if field.proto3_optional]
            assert len(message.oneof_decl) == len(optional), message.name


def test_the_baseline_of_buf_holds_the_whole_contract(contract: Interface):
    image = FileDescriptorSet.FromString((TESTS.parent / "proto" / "baseline.binpb").read_bytes())
    baseline = interface([file for file in image.file if file.package == PACKAGE])
    assert contract.methods.items() <= baseline.methods.items()
    assert field_set(contract) <= field_set(baseline)
