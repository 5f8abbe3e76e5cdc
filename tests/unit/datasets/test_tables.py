"""Rows of a file: what Python's own readers say of good ones, and every kind of broken one by its line."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmviz.datasets.tables import LONGEST_RECORD, BrokenRow, Record, columns, kind_of, read_rows
from lmviz.errors import InvalidParameter


def rows(text: str | bytes, kind: str = "csv") -> list[Record | BrokenRow]:
    data = text.encode() if isinstance(text, str) else text
    return list(read_rows(io.BytesIO(data), kind))


def broken(text: str | bytes, kind: str = "csv") -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in rows(text, kind) if isinstance(row, BrokenRow)]


def texts(text: str | bytes, kind: str = "csv") -> list[str]:
    return [row.fields["text"] for row in rows(text, kind) if isinstance(row, Record)]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufffd\ufeff\r"), max_size=12)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=8), st.sampled_from(["csv", "tsv"]))
def test_what_is_written_by_the_csv_module_is_read_back(table: list[tuple[str, str]], kind: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter="," if kind == "csv" else "\t", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("text", "other"), *table])
    found = rows(written.getvalue(), kind)
    assert [(row.fields["text"], row.fields["other"]) for row in found if isinstance(row, Record)] == table


@given(st.lists(st.dictionaries(cells, cells, max_size=3), max_size=6))
def test_what_is_written_as_json_is_read_back(table: list[dict[str, str]]) -> None:
    written = "\n".join(json.dumps(row) for row in table)
    assert [row.fields for row in rows(written, "jsonl") if isinstance(row, Record)] == table


def test_a_broken_row_is_named_by_its_line_and_the_rest_goes_on() -> None:
    text = 'text,label\ngood,1\ntoo,many,fields\nfew\n"a ""quoted"" one",2\n"bad"quote,3\nlast,4\n'
    assert texts(text) == ["good", 'a "quoted" one', "last"]
    assert [line for line, _ in broken(text)] == [3, 4, 6]
    assert "3 fields, and the first line names 2" in broken(text)[0][1]


def test_a_quotation_mark_that_is_never_closed_costs_one_row() -> None:
    lines = ["text", '"open', *(f"row {number}" for number in range(LONGEST_RECORD * 3))]
    found = broken("\n".join(lines))
    assert found == [(2, "a quotation mark is opened in it and not closed")]
    assert texts("\n".join(lines)) == lines[2:]


def test_a_quoted_field_may_run_over_lines() -> None:
    assert texts('text,n\n"two\nlines",1\nafter,2\n') == ["two\nlines", "after"]
    assert [row.line for row in rows('text,n\n"two\nlines",1\nafter,2\n')] == [2, 4]


def test_a_stray_quotation_mark_inside_a_field_is_a_character() -> None:
    assert texts('text,n\n5" disk,1\nnext,2\n') == ['5" disk', "next"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no valid JSON"),
        ("[1]", "no JSON object"),
        ("3", "no JSON object"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_line_of_json_says_why(line: str, reason: str) -> None:
    found = broken(f'{{"text": "a"}}\n\n{line}\n{{"text": "b"}}', "jsonl")
    assert [number for number, _ in found] == [3]
    assert reason in found[0][1]


def test_bytes_that_are_no_utf8_cost_one_row() -> None:
    data = "text\nnaïve\n".encode("latin-1") + "naïve\n".encode()
    assert broken(data) == [(2, "it is no valid UTF-8; save the file as UTF-8")]
    assert texts(data) == ["naïve"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text() -> None:
    assert texts(b"\xef\xbb\xbftext\r\none\r\ntwo\r\n") == ["one", "two"]
    assert columns(io.BytesIO(b"\xef\xbb\xbftext,b\r\none,2\r\n"), "csv") == ("text", "b")


def test_lines_are_texts_and_empty_ones_are_passed_over() -> None:
    assert texts("a, b\n\n  \nc\n", "lines") == ["a, b", "c"]
    assert [row.line for row in rows("a\n\nc\n", "lines")] == [1, 3]


def test_columns_of_json_are_those_of_all_its_objects() -> None:
    assert columns(io.BytesIO(b'{"a": "x"}\n{"b": 1, "a": "y"}'), "jsonl") == ("a", "b")


@pytest.mark.parametrize(("text", "kind"), [("", "csv"), ("text\n", "csv"), ("{", "jsonl"), ("\n", "lines")])
def test_a_file_without_a_row_is_refused(text: str, kind: str) -> None:
    with pytest.raises(InvalidParameter, match="no row"):
        columns(io.BytesIO(text.encode()), kind)


def test_a_column_that_is_named_twice_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="'a' twice"):
        rows("a,b,a\n1,2,3\n")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="csv, tsv, jsonl, lines"):
        rows("a", "xlsx")
    with pytest.raises(InvalidParameter, match="ends in none of"):
        kind_of("table.xlsx")
    assert [kind_of(name) for name in ("A.CSV", "b.tsv", "c.jsonl", "d.txt")] == ["csv", "tsv", "jsonl", "lines"]


def test_memory_stays_flat() -> None:
    def peak(n_rows: int) -> int:
        def lines() -> Iterator[bytes]:
            yield b"text,label\n"
            for number in range(n_rows):
                yield f'"row {number} of a long file",x\n'.encode()

        tracemalloc.start()
        n_found = sum(1 for _ in read_rows(lines(), "csv"))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert n_found == n_rows
        return most

    peak(10)
    assert peak(20_000) < 2 * peak(2_000) + 50_000
