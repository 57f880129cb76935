"""Feeds that are whole are read; every other says what is wrong and what to do."""

import gzip
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
import pytest

from directory import feed, tables
from directory.errors import UsageError
from directory.feed import FeedError, first_bytes, json_items, open_feed
from directory.fetch import AGENT
from directory.tables import EXCESS, csv_rows, xlsx_rows


def _items(content: bytes, path: str = "item") -> list[Any]:
    return [item for _, item in json_items(io.BytesIO(content), path)]


def test_json_array() -> None:
    content = json.dumps([{"n": 1, "x": 1.5, "é": None}, {"deep": [{"a": [1]}]}]).encode()
    found = list(json_items(io.BytesIO(content)))
    assert found == [
        ("item 0", {"n": 1, "x": 1.5, "é": None}),
        ("item 1", {"deep": [{"a": [1]}]}),
    ]
    assert [type(found[0][1][key]) for key in ("n", "x")] == [int, float]


def test_json_larger_than_a_chunk_is_the_same() -> None:
    rows = [{"n": n, "text": f"ü{n} [{{" * 20} for n in range(2_000)]
    content = json.dumps(rows, ensure_ascii=False).encode()
    assert _items(content) == rows


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n\t", b"\n\n"])
def test_json_byte_order_mark_and_white_space(mark: bytes) -> None:
    assert _items(mark + b'[{"a": 1}]\n\n') == [{"a": 1}]


def test_json_object_with_rows_and_what_stands_beside() -> None:
    content = b'{"page": 1, "rows": [{"a": 1}, {"a": 2}], "totalPages": 3}'
    also: dict[str, Any] = {"totalPages": None, "page": None, "absent": 7}
    found = list(json_items(io.BytesIO(content), "rows.item", also))
    assert found == [("item 0", {"a": 1}), ("item 1", {"a": 2})]
    assert also == {"totalPages": 3, "page": 1, "absent": 7}


def test_json_whole_document() -> None:
    assert _items(b'{"a": [1]}', "") == [{"a": [1]}]


def test_json_empty_array_has_no_rows() -> None:
    assert _items(b"[]") == []


@pytest.mark.parametrize(
    ("content", "path", "said"),
    [
        (b"", "item", "empty"),
        (b" \n ", "item", "empty"),
        (b"<!doctype html><html>", "item", "web page"),
        (b"\xef\xbb\xbf\n<html>", "item", "web page"),
        (b'[{"a": 1}, {"a"', "item", "cut off"),
        (b'[{"a": 1}', "item", "cut off"),
        (b"[", "item", "cut off"),
        (b'[{"a": 1}] and more', "item", "goes on after the end"),
        (b'[{"a": 1}]\n[{"a": 2}]', "item", "goes on after the end"),
        (b'[{"a": NaN}]', "item", "NaN"),
        (b'[{"a": -Infinity}]', "item", "NaN"),
        (b'[{"a": 9223372036854775808}]', "item", "too large"),
        (b'[{"a": 1e400}]', "item", "too large"),
        (b'[{"a": 1,}]', "item", "not valid JSON"),
        (b"[{'a': 1}]", "item", "not valid JSON"),
        (b'[{"a": "caf\xe9"}]', "item", "not UTF-8"),
        ('[{"a": 1}]'.encode("utf-16"), "item", "UTF-16"),
        (b'{"error": "no"}', "item", "should be a JSON array"),
        (b'"no"', "item", "should be a JSON array"),
        (b"name,city\nA,B\n", "item", "should be a JSON array"),
        (b'[{"a": 1}]', "rows.item", "array 'rows'"),
        (b'{"error": "no"}', "rows.item", "no rows"),
        (b'{"rows": {"a": 1}}', "rows.item", "no rows"),
        (b"PK\x03\x04....", "item", "spreadsheet"),
        (b"[" * 100_000, "item", "nests"),
        (b'{"rows":' * 100_000, "rows.item", "nests"),
    ],
)
def test_json_that_is_none_says_so(content: bytes, path: str, said: str) -> None:
    with pytest.raises(FeedError, match=said):
        _items(content, path)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_json_cut_after_good_rows_still_fails(share: float) -> None:
    content = json.dumps([{"n": n} for n in range(10_000)]).encode()
    rows = json_items(io.BytesIO(content[: int(len(content) * share)]))
    good = 0
    with pytest.raises(FeedError, match=r"after item \d+: it was cut off"):
        for _ in rows:
            good += 1
    assert good > 2_000


def test_first_bytes_leaves_the_stream_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbf  [1]")
    with open_feed(str(tmp_path / "f")) as stream:
        assert first_bytes(stream) == b"[1]"
        assert stream.read() == b"\xef\xbb\xbf  [1]"
    plain = io.BytesIO(b" x")
    assert (first_bytes(plain), plain.read()) == (b"x", b" x")


def _table(content: bytes, **options: Any) -> list[tuple[str, dict[str, str]]]:
    return list(csv_rows(io.BytesIO(content), **options))


def test_csv_rows_know_their_physical_lines() -> None:
    content = b'name,note\nA,"two\nlines"\n\nB,\r\nC,"say ""hi"""\n'
    assert _table(content) == [
        ("line 2", {"name": "A", "note": "two\nlines"}),
        ("line 5", {"name": "B", "note": ""}),
        ("line 6", {"name": "C", "note": 'say "hi"'}),
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_separators_and_line_ends(mark: str, end: str) -> None:
    content = "\ufeff" + end.join((f" name {mark}city", f"A{mark}B", f"C{mark}D"))
    rows = _table(content.encode())
    assert [row for _, row in rows] == [{"name": "A", "city": "B"}, {"name": "C", "city": "D"}]


def test_csv_short_and_long_rows() -> None:
    rows = [row for _, row in _table(b"a,b,\n1\n1,2,\n1,2,3,4\n1,2,3,,,\n5,6\n")]
    assert rows[:2] == [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]
    assert rows[2] == {"a": "1", "b": "2", EXCESS: "4"}
    assert EXCESS not in rows[3]
    assert rows[4] == {"a": "5", "b": "6"}


def test_csv_in_another_encoding() -> None:
    content = "name\nCafé\n".encode("cp1252")
    assert _table(content, encoding="cp1252") == [("line 2", {"name": "Café"})]
    assert _table("name\nCafé\n".encode("utf-16"), encoding="utf-16")[0][1] == {"name": "Café"}


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"", {}, "empty"),
        (b"\xef\xbb\xbf", {}, "empty"),
        (b"<html><body>", {}, "web page"),
        (b"PK\x03\x04", {}, "spreadsheet"),
        (b"name\nCaf\xe9\n", {}, "--set encoding=cp1252"),
        ("name\nA\n".encode("utf-16"), {}, "--set encoding=utf-16"),
        ("name\nA\n".encode("utf-16-le"), {}, "NUL"),
        (b"name\nA\0B\n", {}, "NUL"),
        (b"name,city\nA,B\nC", {}, "cut off"),
        (b'name,city\nA,B\nC,"D', {}, "not a whole table at line 3"),
        (b'name,city\nA,"B" D\n', {}, "not a whole table at line 2"),
        (b"name,city\nA,B\n", {"required": ("name", "zip", "state")}, "zip, state.*has name, city"),
        (b"name,name\nA,B\n", {}, "more than once"),
        (b",,\n1,2,3\n", {}, "no header"),
        (b"name\n" + b"x" * (tables.LONGEST_LINE + 1), {}, "has no end"),
        (b"name\n" + b"x" * 200_000, {}, "not a whole table at line 2"),
    ],
)
def test_csv_that_is_none_says_so(content: bytes, options: dict[str, Any], said: str) -> None:
    with pytest.raises(FeedError, match=said):
        _table(content, **options)


def test_csv_unknown_encoding_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="no encoding 'latin-99'"):
        _table(b"a\n1\n", encoding="latin-99")


def _workbook(*rows: list[Any]) -> io.BytesIO:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(file)
    file.seek(0)
    return file


def test_xlsx_rows() -> None:
    file = _workbook(["name", "zip", "ok"], ["A", 1902.0, 1], [], [" B ", 2.5, None])
    assert list(xlsx_rows(file)) == [
        ("row 2", {"name": "A", "zip": "1902", "ok": "1"}),
        ("row 4", {"name": "B", "zip": "2.5", "ok": ""}),
    ]


@pytest.mark.parametrize("length", [0, 100, 3_000])
def test_xlsx_cut_off(length: int) -> None:
    with pytest.raises(FeedError, match=r"not a whole \.xlsx"):
        list(xlsx_rows(io.BytesIO(_workbook(["name"], ["A"]).getvalue()[:length])))


def test_xlsx_without_rows_or_columns() -> None:
    with pytest.raises(FeedError, match="first sheet is empty"):
        list(xlsx_rows(_workbook()))
    with pytest.raises(FeedError, match="lacks the column zip"):
        list(xlsx_rows(_workbook(["name"], ["A"]), required=("zip",)))


def test_open_feed_names_what_is_wrong_with_a_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        open_feed(str(tmp_path / "absent.json"))
    with pytest.raises(UsageError, match="is a folder"):
        open_feed(str(tmp_path))
    with pytest.raises(UsageError, match="cannot be opened"):
        open_feed("a\0b")
    with pytest.raises(UsageError, match="only files and http"):
        open_feed("ftp://feeds.example/a.json")


def test_gzip_is_unpacked_and_its_cut_noticed(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps([{"n": n} for n in range(5_000)]).encode())
    (tmp_path / "whole.json.gz").write_bytes(packed)
    (tmp_path / "cut.json.gz").write_bytes(packed[: len(packed) // 2])
    with open_feed(str(tmp_path / "whole.json.gz")) as stream:
        assert sum(1 for _ in json_items(stream)) == 5_000
    with (
        open_feed(str(tmp_path / "cut.json.gz")) as stream,
        pytest.raises(FeedError, match="broke off"),
    ):
        list(json_items(stream))


def test_too_large_a_feed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LARGEST", 10_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b" " * 1_000_000))
    with pytest.raises(FeedError, match="larger than"), open_feed(str(tmp_path / "bomb.gz")) as s:
        s.read()


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind = "text/html; charset=utf-8" if self.path == "/page" else "application/json"
        body = b'[{"agent": "' + self.headers["User-Agent"].encode() + b'"}]'
        self.send_response({"/gone": 410, "/none": 204}.get(self.path, 200))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) + (50 if self.path == "/cut" else 0)))
        self.end_headers()
        if self.path != "/none":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as answers:
        thread = threading.Thread(target=answers.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{answers.server_port}"
        answers.shutdown()
        thread.join()


def _read(stream: BinaryIO) -> list[tuple[str, Any]]:
    with stream:
        return list(json_items(stream))


def test_an_address_is_read_and_says_who_asks(address: str) -> None:
    assert _read(open_feed(f"{address}/feed")) == [("item 0", {"agent": AGENT})]


@pytest.mark.parametrize(
    ("path", "said"),
    [("/gone", "answered 410"), ("/page", "a web page"), ("/none", "204"), ("/cut", "ended early")],
)
def test_an_answer_that_is_no_feed(address: str, path: str, said: str) -> None:
    with pytest.raises(FeedError, match=said):
        _read(open_feed(address + path))


def test_an_address_that_does_not_answer() -> None:
    with pytest.raises(FeedError, match="does not answer"):
        open_feed("http://127.0.0.1:9/feed.json")
