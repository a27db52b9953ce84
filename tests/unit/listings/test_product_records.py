"""Files of products, record by record."""

from __future__ import annotations

import io
import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.domain.errors import InvalidArgument
from listings.transfer.records import LONGEST_RECORD, Format, Record, records_of


def read(text: str | bytes, form: Format = Format.NDJSON) -> list[Record]:
    content = text if isinstance(text, bytes) else text.encode()
    return list(records_of(io.BytesIO(content), form))


def problem(record: Record) -> str:
    assert isinstance(record.values, InvalidArgument), record
    return record.values.message


def test_a_line_is_a_record_and_blank_lines_are_none():
    records = read('{"name": "a"}\n\n  \r\n{"name": "b"}')
    assert [(record.line, record.values) for record in records] == [(1, {"name": "a"}), (4, {"name": "b"})]


def test_texts_of_numbers_and_flags_are_understood():
    line = '{"price": "1.5", "category_id": "7", "is_active": "No", "show_on_map": true, "attributes": "{}"}'
    [record] = read(line)
    assert record.values == {
        "price": 1.5,
        "category_id": 7,
        "is_active": False,
        "show_on_map": True,
        "attributes": {},
    }


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{", "not a JSON object"),
        ("7", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        (b"\xff", "not a JSON object"),
        ('{"nam": "a"}', "unknown field 'nam'"),
        ('{"name": 7}', "name must be a text"),
        ('{"price": true}', "price must be a number"),
        ('{"price": "dear"}', "price must be a number"),
        ('{"category_id": 1.5}', "category_id must be a whole number"),
        ('{"category_id": 1e999}', "category_id must be a whole number"),
        ('{"is_active": "maybe"}', "is_active must be true or false"),
        ('{"attributes": [1]}', "attributes must be a JSON object"),
    ],
)
def test_a_line_that_is_not_understood_says_why_and_harms_no_other(line, text):
    content = line if isinstance(line, bytes) else line.encode()
    records = read(content + b'\n{"name": "b"}\n')
    assert text in problem(records[0])
    assert records[1].values == {"name": "b"}


def test_a_line_beyond_all_measure_is_passed_over():
    records = read('{"name": "' + "x" * (3 * LONGEST_RECORD) + '"}\n{"name": "b"}\n')
    assert "longer than" in problem(records[0])
    assert (records[1].line, records[1].values) == (2, {"name": "b"})
    assert len(records[0].content) < 2 * LONGEST_RECORD


def test_null_and_an_exports_id_are_nothing():
    assert read('{"id": 7, "sku": null, "name": "a"}')[0].values == {"name": "a"}


def test_a_quoted_cell_may_hold_lines():
    records = read('name,price\n"a\nb",1\nc,2\n', Format.CSV)
    assert [(record.line, record.values) for record in records] == [
        (2, {"name": "a\nb", "price": 1.0}),
        (4, {"name": "c", "price": 2.0}),
    ]


def test_empty_cells_are_absent():
    assert read("name,sku\na,\n", Format.CSV)[0].values == {"name": "a"}


@pytest.mark.parametrize("rows", ["a,b,c\n", '"a"b,1\n', "\udcff,1\n"])
def test_a_row_that_is_not_understood_harms_no_other(rows):
    content = f"name,price\n{rows}c,2\n".encode("utf-8", "surrogateescape")
    records = read(content, Format.CSV)
    problem(records[0])
    assert (records[-1].line, records[-1].values) == (3, {"name": "c", "price": 2.0})


def test_a_cell_may_be_as_long_as_a_line_of_the_other_form():
    attributes = json.dumps({"text": "x" * (LONGEST_RECORD - 1000)})
    [record] = read(f"""name,attributes\na,"{attributes.replace('"', '""')}"\n""", Format.CSV)
    assert record.values == {"name": "a", "attributes": json.loads(attributes)}


@pytest.mark.parametrize("header", ["", "name,prize\n", "name,\n", "name,price,name\n"])
def test_a_header_nobody_knows_or_that_says_a_column_twice_is_refused(header):
    with pytest.raises(InvalidArgument, match=r"header|column"):
        read(header, Format.CSV)


@given(st.lists(st.text(), max_size=5))
def test_any_names_survive_a_file(names):
    lines = "".join(json.dumps({"name": name}) + "\n" for name in names)
    assert [record.values for record in read(lines)] == [{"name": name} for name in names]


@given(st.binary(max_size=400), st.sampled_from(Format))
def test_no_bytes_end_an_import_early(content, form):
    head = b"name,price\n" if form is Format.CSV else b""
    for record in read(head + content, form):
        assert record.content


def test_records_of_equal_bytes_are_equal_wherever_they_stand():
    name = uuid4().hex
    first, _, second = read(f'{{"name": "{name}"}}\n{{}}\n  {{"name": "{name}"}}  \r\n')
    assert first.content == second.content
