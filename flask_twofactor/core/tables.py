"""Tables as bytes: JSON lines and CSV (RFC 4180), read and written a row at a time.

What is read was written elsewhere and holds secrets: no text of it is in what is said of it.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UnreadableFile

MAX_LINE = 65536
"""Characters."""


@dataclass(frozen=True)
class Row:
    """One row: the line on which it begins, its texts by column, or what is wrong with it."""

    line: int
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""


def read_table(chunks: Iterable[bytes]) -> Iterator[Row]:
    """Read JSON lines, where the first line is an object, or else CSV whose first line names the columns.

    Raises `UnreadableFile` for a line that is too long. A row that cannot be read is given with its problem.
    """
    numbered = enumerate(_lines(chunks), 1)
    first = next((one for one in numbered if one[1].strip()), None)
    if first is None:
        return iter(())
    begun = itertools.chain([first], numbered)
    return _json_rows(begun) if first[1].lstrip().startswith("{") else _csv_rows(begun)


def write_json_lines(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[bytes]:
    """Give the bytes of JSON lines."""
    for row in rows:
        yield json.dumps(dict(zip(columns, row, strict=True))).encode() + b"\n"


def write_csv(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[bytes]:
    """Give the bytes of CSV with a first line that names the columns."""
    for row in itertools.chain([columns], rows):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        yield line.getvalue().encode()


WRITERS: dict[str, Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], Iterator[bytes]]] = {
    "jsonl": write_json_lines,
    "csv": write_csv,
}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Give the lines of UTF-8 text, each with its end; a mark of the byte order goes, what is no UTF-8 is U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    rest, number = "", 1
    for chunk in itertools.chain(chunks, [b""]):
        *whole, rest = (rest + decoder.decode(chunk, final=not chunk)).split("\n")
        for line in whole:
            _check_length(line, number)
            yield line + "\n"
            number += 1
        _check_length(rest, number)
    if rest:
        yield rest


def _check_length(line: str, number: int) -> None:
    if len(line) > MAX_LINE:
        raise UnreadableFile(f"line {number} is longer than {MAX_LINE} characters")


def _json_rows(numbered: Iterable[tuple[int, str]]) -> Iterator[Row]:
    for number, line in numbered:
        if line.strip():
            found = parse_json(line)
            if isinstance(found, dict):
                yield Row(number, {name: _text(value) for name, value in found.items()})
            else:
                yield Row(number, problem="it is no JSON object")


def parse_json(text: str) -> Any:
    """Read JSON, None where it is none: an error would hold the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _csv_rows(numbered: Iterator[tuple[int, str]]) -> Iterator[Row]:
    (before, first), numbered = next(numbered), numbered
    reader = csv.reader(itertools.chain([first], (line for _, line in numbered)), strict=True)
    header: list[str] | None = None
    while True:
        line = before + reader.line_num
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row(line, problem="it is no row of CSV")
            continue
        if header is None:
            header = [name.strip() for name in fields]
        elif len(fields) == len(header):
            yield Row(line, dict(zip(header, fields, strict=True)))
        elif fields:  # and no empty line
            yield Row(line, problem="it has another number of fields than the first line")
