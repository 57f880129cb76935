"""Tables as streams of rows: CSV and Excel. What is no whole table raises FeedError.

Rows carry where they stand in the file ("line 12", "row 12") and are read in constant memory.
"""

import contextlib
import csv
import io
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any, BinaryIO, cast

import openpyxl

from directory.errors import UsageError
from directory.feed import BUFFER, LARGEST, UTF16, FeedError, check_head

LONGEST_LINE = 1024**2
"""Characters in one line of a table; real rows have a few thousand."""
EXCESS = "(cells beyond the header)"
"""Column of a row that has more cells than the header: its importer refuses that row."""


def csv_rows(
    stream: BinaryIO, encoding: str = "utf-8-sig", required: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table as ("line 12", {column: cell}), by the first line of each row.

    Cells may be separated by comma, semicolon or tab, whichever the header has most of.
    Short rows are filled with empty cells; one with more cells than the header carries the
    rest under EXCESS. Raises FeedError where a required column is missing, the text is in
    another encoding, quotes do not match, or the last row is cut off.
    """
    head = check_head(stream, "a table in CSV")
    if head.startswith(UTF16) and not encoding.lower().startswith("utf-16"):
        raise FeedError("The feed is UTF-16 text; use --set encoding=utf-16.")
    try:
        text = io.TextIOWrapper(cast(Any, stream), encoding=encoding, newline="")
    except LookupError as error:
        raise UsageError(f"There is no encoding {encoding!r}; use utf-8 or cp1252.") from error
    lines = _Lines(text)
    try:
        first = lines.peek()
        reader = csv.reader(lines, delimiter=max(",;\t", key=first.count), strict=True)
        header = _header(next(reader, []), required)
        end = reader.line_num
        for cells in reader:
            start, end = end + 1, reader.line_num
            if not cells:
                continue
            if len(cells) < len(header) and lines.open_end:
                raise FeedError(f"The feed ends in the middle of line {end}: it was cut off.")
            yield f"line {start}", _row(header, cells)
    except UnicodeDecodeError as error:
        raise FeedError(
            f"The feed is not {encoding} after line {lines.count}; "
            "name its encoding, for example --set encoding=cp1252."
        ) from error
    except csv.Error as error:
        raise FeedError(
            f"The feed is not a whole table at line {lines.count} ({error}); "
            "a quotation mark may be missing, or the end of the file."
        ) from error
    finally:
        with contextlib.suppress(ValueError):
            text.detach()


class _Lines:
    """The lines of a text, counted, none of them endless, with one line of looking ahead."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._ahead: str | None = None
        self.count = 0
        self.open_end = False

    def __iter__(self) -> Iterator[str]:
        return self

    def peek(self) -> str:
        self._ahead = next(self, "")
        return self._ahead

    def __next__(self) -> str:
        line, self._ahead = self._ahead, None
        if line is None:
            line = self._text.readline(LONGEST_LINE)
            self.count += bool(line)
        if not line:
            raise StopIteration
        self.open_end = not line.endswith(("\n", "\r"))
        if self.open_end and len(line) >= LONGEST_LINE:
            raise FeedError(f"Line {self.count} of the feed has no end; it should be CSV.")
        if "\0" in line:
            raise FeedError(
                f"Line {self.count} of the feed has NUL characters, as UTF-16 and binary files "
                "have; save it as CSV in UTF-8, or try --set encoding=utf-16."
            )
        return line


def _header(cells: Iterable[str], required: Collection[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    if not any(header):
        raise FeedError("The feed has no header; its first line should name the columns.")
    counts = Counter(name for name in header if name)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise FeedError(f"The column {repeated[0]!r} is there more than once; rename one of them.")
    if missing := [name for name in required if name not in counts]:
        raise FeedError(
            f"The feed lacks the column {', '.join(missing)}; it has {', '.join(counts)[:500]}."
        )
    return header


def _row(header: list[str], cells: list[str]) -> dict[str, str]:
    short = len(header) - len(cells)
    row = dict(zip(header, cells + [""] * short, strict=False))
    row.pop("", None)
    if short < 0 and any(rest := cells[len(header) :]):
        row[EXCESS] = " | ".join(rest)
    return row


def xlsx_rows(
    stream: BinaryIO, required: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of the first sheet of an Excel file as ("row 12", {column: cell as text}).

    Whole numbers carry no ".0", dates are ISO 8601. Rows without any cell are left out.
    """
    with tempfile.TemporaryFile() as file:
        while chunk := stream.read(BUFFER):
            file.write(chunk)
        with warnings.catch_warnings():
            # Excel's styles and validations, which openpyxl does not know, do not matter here.
            warnings.simplefilter("ignore")
            try:
                yield from _sheet_rows(file, required)
            except UsageError:
                raise
            except Exception as error:  # openpyxl raises whatever its parsers raise
                raise FeedError(
                    "The feed is not a whole .xlsx file; save it again as .xlsx or CSV."
                ) from error


def _sheet_rows(file: Any, required: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    with zipfile.ZipFile(file) as archive:
        if sum(part.file_size for part in archive.infolist()) > LARGEST:
            raise FeedError("The spreadsheet is too large when unpacked; import it in parts.")
    book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()
    header: list[str] = []
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_cell(value) for value in values]
        if not any(cells):
            continue
        if header:
            yield f"row {number}", _row(header, cells)
        else:
            header = _header(cells, required)
    if not header:
        raise FeedError("The first sheet is empty; the table should be on it.")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value).strip()
