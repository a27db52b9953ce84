"""Splits an SQL file into its statements.

The runner sends them one by one, so that an error names the statement and a stop between two of them is a case that can
be tested. Understands what PostgreSQL's lexer does about semicolons: quotes, dollar quotes and nested comments.
"""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<line_comment>--[^\n]*)
  | (?P<block_comment>/\*)
  | (?P<dollar>\$(?:[A-Za-z_\x80-\uffff][A-Za-z_0-9\x80-\uffff]*)?\$)
  | (?P<escape_string>(?<![A-Za-z0-9_$\x80-\uffff])[eE]'(?:[^'\\]|''|\\.)*')
  | (?P<string>'(?:[^']|'')*')
  | (?P<identifier>"(?:[^"]|"")*")
  | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
_NESTING: Final = re.compile(r"/\*|\*/")


def split(text: str) -> tuple[str, ...]:
    """Return the statements of `text` in order, without their semicolons; parts that are only comments are left out."""
    statements: list[str] = []
    start = position = 0
    has_code = False
    while position < len(text):
        token = _TOKEN.search(text, position)
        code_until = token.start() if token else len(text)
        has_code = has_code or bool(text[position:code_until].strip())
        if token is None:
            break
        position = token.end()
        match token.lastgroup:
            case "end":
                if has_code:
                    statements.append(text[start : token.start()].strip())
                start, has_code = position, False
            case "line_comment":
                pass
            case "block_comment":
                position = _end_of_block_comment(text, position)
            case "dollar":
                has_code = True
                closing = text.find(token.group(), position)
                position = len(text) if closing < 0 else closing + len(token.group())
            case _:
                has_code = True
    if has_code:
        statements.append(text[start:].strip())
    return tuple(statements)


def without_comments(statement: str) -> str:
    """Return `statement` with comments outside quotes removed and blanks collapsed, to be shown or matched."""
    kept: list[str] = []
    position = 0
    while token := _TOKEN.search(statement, position):
        kept.append(statement[position : token.start()])
        position = token.end()
        match token.lastgroup:
            case "line_comment":
                kept.append(" ")
            case "block_comment":
                kept.append(" ")
                position = _end_of_block_comment(statement, position)
            case "dollar":
                closing = statement.find(token.group(), position)
                position = len(statement) if closing < 0 else closing + len(token.group())
                kept.append(statement[token.start() : position])
            case _:
                kept.append(token.group())
    kept.append(statement[position:])
    return " ".join("".join(kept).split())


def _end_of_block_comment(text: str, position: int) -> int:
    depth = 1
    while depth:
        mark = _NESTING.search(text, position)
        if mark is None:
            return len(text)
        depth += 1 if mark.group() == "/*" else -1
        position = mark.end()
    return position
