"""The RPC reference of docs/reference/rpc.md, rendered from the comments of the proto files.

`tools/proto.py` calls `render` with the descriptors and their source locations, so the reference cannot say
anything the interface itself does not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = ".listings.v1."
PREAMBLE: Final = """\
<!-- Generated from proto/listings/v1 by `make proto`; edit the comments there. -->

# RPC reference
"""

# Field numbers inside FileDescriptorProto, ServiceDescriptorProto and DescriptorProto: protoc addresses a
# comment by the path of such numbers to the element it precedes.
MESSAGES: Final = 4
SERVICES: Final = 6
METHODS: Final = 2
FIELDS: Final = 2

Comments = dict[tuple[int, ...], str]


def render(descriptors: FileDescriptorSet) -> str:
    """The whole page: the service's promises, its methods in order, then the messages by file."""
    lines = [PREAMBLE]
    files = sorted(descriptors.file, key=lambda file: (not file.service, file.name))
    for file in files:
        comments = comments_of(file)
        for position, service in enumerate(file.service):
            lines += [
                paragraphs(comments.get((SERVICES, position), "")),
                "## Methods",
                "",
            ]
            for place, method in enumerate(service.method):
                lines += [f"### {method.name}", ""]
                lines += [f"Takes {link(method.input_type)}, returns {link(method.output_type)}.", ""]
                lines += [paragraphs(comments.get((SERVICES, position, METHODS, place), ""))]
    lines += ["## Messages", ""]
    for file in files:
        lines += [f"### {file.name}", ""]
        comments = comments_of(file)
        for position, message in enumerate(file.message_type):
            lines += message_section(message, comments, position)
    return "\n".join(lines).rstrip() + "\n"


def comments_of(file: FileDescriptorProto) -> Comments:
    """The comment before each element, by the path of the element."""
    return {tuple(location.path): location.leading_comments for location in file.source_code_info.location}


def paragraphs(comment: str) -> str:
    """A comment as Markdown: protoc keeps the blank that follows each comment marker."""
    return "\n".join(line.removeprefix(" ") for line in comment.splitlines()) + "\n"


def message_section(message: DescriptorProto, comments: Comments, position: int) -> Iterator[str]:
    """The lines about one message: its comment, then its fields as a table."""
    yield f"#### {message.name}"
    yield ""
    yield paragraphs(comments.get((MESSAGES, position), ""))
    if not message.field:
        return
    yield "| number | field | type | meaning |"
    yield "|---|---|---|---|"
    for place, field in enumerate(message.field):
        meaning = " ".join(comments.get((MESSAGES, position, FIELDS, place), "").split())
        yield f"| {field.number} | `{field.name}` | {type_name(message, field)} | {meaning.replace('|', '&#124;')} |"
    yield ""


def type_name(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    """The type as a proto file spells it, map entries put back together."""
    for nested in message.nested_type:
        if nested.options.map_entry and field.type_name.endswith(f".{message.name}.{nested.name}"):
            key, value = nested.field
            return f"map of {type_name(nested, key)} to {type_name(nested, value)}"
    scalar = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    name = link(field.type_name) if field.type_name else scalar
    if field.proto3_optional:
        return f"optional {name}"
    return f"repeated {name}" if field.label == FieldDescriptorProto.LABEL_REPEATED else name


def link(type_name: str) -> str:
    """A link to a message of this package; the full name of any other."""
    if type_name.startswith(PACKAGE):
        name = type_name.removeprefix(PACKAGE)
        return f"[{name}](#{name.lower()})"
    return type_name.removeprefix(".")
