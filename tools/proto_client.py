"""The typed methods of the Python client, rendered from the service's declaration.

`tools/proto.py` calls `render`, so `make proto-check` notices when client and proto files part ways.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from proto_reference import METHODS, PACKAGE, SERVICES, comments_of

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

# Methods with these beginnings change nothing, so the client may repeat them.
READS: Final = ("Get", "List", "Search", "Is", "Check")

_HEADER: Final = '''\
"""One typed method per RPC. Generated from proto/listings/v1 by `make proto`; edit the comments there.

`client.py` and `sync.py` give these their `call`; `listings call --list` reads their first lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, TypeVar

from google.protobuf import empty_pb2
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

Answer = TypeVar("Answer", bound="Message")

'''
_ABSTRACT: Final = '''

class {name}(ABC):
    """The RPCs by name; every method raises the errors of `errors.py`."""

    @abstractmethod
    {prefix}def ask(self, method: str, request: Message, answer: type[Answer], *, deadline: float | None) -> Answer:
        """Call a method and return its answer."""
'''
_METHOD: Final = '''
    {prefix}def {python_name}(self, request: {request}, *, deadline: float | None = None) -> {answer}:
        """{summary}"""
        return {wait}self.ask("{name}", request, {answer}, deadline=deadline)
'''


def render(descriptors: FileDescriptorSet) -> str:
    """The module: the safe methods by name, then one class for each way to call."""
    methods = []
    for file in descriptors.file:
        comments = comments_of(file)
        for position, service in enumerate(file.service):
            for place, method in enumerate(service.method):
                comment = comments.get((SERVICES, position, METHODS, place), "")
                methods.append((method, _first_sentence(comment)))
    reads = "".join(f'    "{method.name}",\n' for method, _ in methods if method.name.startswith(READS))
    parts = [_HEADER, f"# Safe to repeat: they change nothing.\nREADS: Final = frozenset({{\n{reads}}})\n"]
    for name, prefix, wait in (("AsyncMethods", "async ", "await "), ("SyncMethods", "", "")):
        parts.append(_ABSTRACT.format(name=name, prefix=prefix))
        for method, summary in methods:
            parts.append(
                _METHOD.format(
                    prefix=prefix,
                    wait=wait,
                    name=method.name,
                    python_name=_snake(method.name),
                    request=_type(method.input_type),
                    answer=_type(method.output_type),
                    summary=summary,
                )
            )
    return "".join(parts)


def _first_sentence(comment: str) -> str:
    text = " ".join(comment.split("\n\n", maxsplit=1)[0].split())
    return re.split(r"(?<=[.])\s", text, maxsplit=1)[0].replace("`", "").replace('"', "'")


def _snake(name: str) -> str:
    """GetProductsBySKUs -> get_products_by_skus."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _type(name: str) -> str:
    if name.startswith(PACKAGE):
        return f"pb.{name.removeprefix(PACKAGE).removeprefix('.')}"
    return f"empty_pb2.{name.rpartition('.')[2]}"
