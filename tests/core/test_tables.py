"""Tables that other programs wrote: JSON lines and CSV, a row at a time, and what is wrong with a row."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.tables import MAX_LINE, WRITERS, Row, read_table, write_csv
from flask_twofactor.errors import UnreadableFile

COLUMNS = ("key", "account", "uri", "since")

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufeff\x00"), max_size=30)
tables = st.lists(st.tuples(texts, texts, texts, texts), max_size=6)


def read(data: bytes, size: int = 7) -> list[Row]:
    """Read a table that comes in parts of a few bytes."""
    return list(read_table(data[at : at + size] for at in range(0, len(data), size)))


def values(rows: list[Row]) -> list[dict[str, str]]:
    assert [row.problem for row in rows] == [""] * len(rows)
    return [dict(row.columns) for row in rows]


def problems(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row.line, row.problem) for row in rows if row.problem]


@given(st.sampled_from(sorted(WRITERS)), tables, st.integers(1, 50))
def test_what_was_written_is_read(form: str, table: list[tuple[str, ...]], size: int) -> None:
    written = b"".join(WRITERS[form](COLUMNS, table))
    assert values(read(written, size)) == [dict(zip(COLUMNS, row, strict=True)) for row in table]


@given(st.binary(max_size=200))
def test_reading_anything_gives_rows_and_never_raises(data: bytes) -> None:
    assert all(isinstance(row, Row) for row in read(data))


@pytest.mark.parametrize(
    "text",
    [
        "id,otp_secret\n7,JBSW\n",
        "id,otp_secret\r\n7,JBSW\r\n",
        "\ufeffid,otp_secret\n7,JBSW",
        '"id","otp_secret"\n"7","JBSW"\n',
        " id , otp_secret\n7,JBSW\n\n\n",
        '\n\n{"id": 7, "otp_secret": "JBSW"}\n\n',
        '\ufeff{"id": "7", "otp_secret": "JBSW"}\r\n',
    ],
)
def test_csv_and_json_lines_are_told_apart_whatever_program_wrote_them(text: str) -> None:
    assert values(read(text.encode())) == [{"id": "7", "otp_secret": "JBSW"}]


def test_values_of_json_are_texts() -> None:
    line = {"a": None, "b": True, "c": 6, "d": {"v": 1}, "e": "é"}
    assert values(read(json.dumps(line).encode())) == [{"a": "", "b": "true", "c": "6", "d": '{"v": 1}', "e": "é"}]


def test_json_in_a_field_of_csv_is_read() -> None:
    inner = json.dumps({"v": 1, "key": "A"})
    written = b"".join(write_csv(("id", "totp"), [("1", inner)]))
    assert values(read(written)) == [{"id": "1", "totp": inner}]


def test_a_bad_row_of_json_lines_is_told_by_its_line_and_the_others_are_read() -> None:
    deep = "[" * 20_000
    rows = read(f'{{"a": 1}}\nnot json\n[1]\n{deep}\n{{"a": {"9" * 5000}}}\n{{"a": 2}}\n'.encode(), 1000)
    assert [row.columns.get("a") for row in rows if not row.problem] == ["1", "2"]
    assert problems(rows) == [(line, "it is no JSON object") for line in (2, 3, 4, 5)]


def test_a_bad_row_of_csv_is_told_by_its_line_and_the_others_are_read() -> None:
    rows = read(b'a,b\n1,2\n1\n1,2,3\n"1"x,2\n"1\n1",2\n5,6\n')
    assert [row.columns for row in rows if not row.problem] == [
        {"a": "1", "b": "2"},
        {"a": "1\n1", "b": "2"},
        {"a": "5", "b": "6"},
    ]
    fields = "it has another number of fields than the first line"
    assert problems(rows) == [(3, fields), (4, fields), (5, "it is no row of CSV")]
    assert [row.line for row in rows] == [2, 3, 4, 5, 6, 8]


def test_a_quote_that_never_ends_is_a_problem_of_its_row_and_hides_none() -> None:
    rows = read(b'a,b\n1,2\n3,"4\n5,6\n')
    assert problems(rows) == [(3, "it is no row of CSV")]


def test_the_lines_of_csv_are_counted_from_the_top_of_the_file() -> None:
    assert [row.line for row in read(b"\n\na,b\n1,2\n3,4\n")] == [4, 5]


def test_a_line_that_does_not_end_is_refused_before_it_is_all_in_memory() -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield b"x" * 1000

    with pytest.raises(UnreadableFile, match=rf"^line 1 is longer than {MAX_LINE} characters$"):
        list(read_table(endless()))
    assert given <= MAX_LINE // 1000 + 2


def test_bytes_that_are_no_utf_8_are_marked_and_stop_nothing() -> None:
    assert values(read(b"a\n\xff\xfe\n")) == [{"a": "\ufffd\ufffd"}]


def test_a_row_is_read_when_it_is_asked_for() -> None:
    given = 0

    def lines() -> Iterator[bytes]:
        nonlocal given
        for number in range(1000):
            given += 1
            yield b'{"a": "%d"}\n' % number

    rows = read_table(lines())
    for number in range(1, 20):
        next(rows)
        assert given <= number + 1


def test_nothing_has_no_rows() -> None:
    assert read(b"") == read(b"\n \n") == read(b"a,b\n") == []


@pytest.mark.requirement("STO-12")
def test_a_row_does_not_show_what_it_holds() -> None:
    assert "JBSW" not in repr(Row(1, {"otp_secret": "JBSW"}))
