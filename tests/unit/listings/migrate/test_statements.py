"""A file is cut at the semicolons that end statements, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.migrate.files import load
from listings.migrate.statements import split, without_comments


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", ()),
        ("-- only a comment; with a semicolon\n", ()),
        ("SELECT 1", ("SELECT 1",)),
        ("SELECT 1; SELECT 2;", ("SELECT 1", "SELECT 2")),
        (";;SELECT 1;;", ("SELECT 1",)),
        ("SELECT ';'; SELECT 2", ("SELECT ';'", "SELECT 2")),
        ("SELECT 'it''s; fine'", ("SELECT 'it''s; fine'",)),
        (r"SELECT E'a\';b'; SELECT 2", (r"SELECT E'a\';b'", "SELECT 2")),
        (r"SELECT 'a\'; SELECT 2", (r"SELECT 'a\'", "SELECT 2")),  # a plain string knows no backslash
        ('SELECT ";"; SELECT 2', ('SELECT ";"', "SELECT 2")),
        ("DO $$ BEGIN; END $$; SELECT 2", ("DO $$ BEGIN; END $$", "SELECT 2")),
        ("DO $a$ $$;$$ $b$;$b$ $a$; SELECT 2", ("DO $a$ $$;$$ $b$;$b$ $a$", "SELECT 2")),
        ("SELECT 1 /* ; /* ; */ ; */ + 1; SELECT 2", ("SELECT 1 /* ; /* ; */ ; */ + 1", "SELECT 2")),
        ("SELECT 1 -- ;\n + 1; SELECT 2", ("SELECT 1 -- ;\n + 1", "SELECT 2")),
    ],
)
def test_split(text: str, statements: tuple[str, ...]):
    assert split(text) == statements


_PIECES = st.sampled_from(
    ["SELECT 1", "'a;b'", '"a;b"', "$$a;b$$", "$t$a;$$;b$t$", "/* a;b */", "E'\\';'", " x ", "1 + 1"]
)


@given(st.lists(st.lists(_PIECES, min_size=1).map(lambda parts: "x " + " ".join(parts)), max_size=6))
def test_joined_statements_are_split_where_they_were_joined(statements: list[str]):
    assert split(";\n".join(statements)) == tuple(statement.strip() for statement in statements)


@given(st.text(alphabet="a1'\"$;-/*\n\\ E"))
def test_any_text_is_split_without_losing_a_character(text: str):
    kept = "".join(split(text)).replace(";", "")
    comments_and_blanks_left_out = len(text.replace(";", "")) - len(kept)

    assert comments_and_blanks_left_out >= 0
    assert all(statement in text for statement in split(text))


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT 1 -- why\n  + 1", "SELECT 1 + 1"),
        ("/* a */ SELECT '-- kept'", "SELECT '-- kept'"),
        ("DO $$ -- kept\n $$", "DO $$ -- kept $$"),
    ],
)
def test_comments_are_left_out_when_shown(statement: str, shown: str):
    assert without_comments(statement) == shown


def test_every_file_ends_each_statement_with_a_semicolon():
    # Otherwise a tool that sends whole files and ours would see different statements.
    for migration in load().migrations:
        for script in (migration.up, migration.down):
            code = [line for line in script.text.splitlines() if line.strip() and not line.startswith("--")]
            assert not code or code[-1].endswith(";"), script.path.name
