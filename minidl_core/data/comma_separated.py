"""Text with a separator between cells -> columns of text. What polars refuses, or lets pass, is found and told here."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import polars as pl

from minidl_core.data.columns import require_different
from minidl_core.errors import DataError

FIRST_ROWS = 1000
UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(name: str, content: bytes, separator: str, texts: Collection[str] | None = None) -> pl.DataFrame:
    """Read UTF-8 text with a header; None where nothing stands. Rows without any cell are left out.

    Args:
        name: of the file, for errors.
        texts: the columns whose cells are texts whatever they look like; None makes all cells texts.

    Raises:
        DataError: with the line, for all that is not such a table: other encodings, names that are there twice, rows
            that are longer or shorter than the header, a quote that is not closed.
    """
    if content[:2] in UTF16:
        raise DataError(f"'{name}' is UTF-16 text; save it as UTF-8")
    if (place := content.find(b"\0")) >= 0:
        raise DataError(f"cannot read '{name}', line {_line(content, place)}: a NUL byte; save it as UTF-8 text")
    if b"\n" not in content and content.rstrip(b"\r").count(b"\r"):
        raise DataError(f"the lines of '{name}' end in CR alone; save it with LF or CRLF")
    header = _header(name, content, separator)
    content = content.lstrip(b"\r\n")
    if not content.endswith((b"\n", b"\r")):
        content += b"\n"  # polars lets a last row pass that has one cell more, an empty one, and no end
    if b'"' in content and b'"' in _quoted(separator).sub(b"", content):
        _require_rows(name, content, separator, len(header))  # polars makes something of broken quotes
    try:
        frame = _typed(content, separator, header, texts) if texts is not None else None
        if frame is None:
            frame = pl.read_csv(io.BytesIO(content), separator=separator, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        _require_utf8(name, content)
        _require_rows(name, content, separator, len(header))
        what, where = str(error).partition("\n")[0].partition(": ")[0][:100], _stray_quote(content, separator)
        raise DataError(
            f"cannot read '{name}'{where}: {what}; a cell with a quote, a separator or a new line is written in "
            "quotes, and a quote within them twice"
        ) from None
    if frame.width != len(header):
        raise DataError(f"cannot read '{name}': {frame.width} columns where its header has {len(header)}")
    frame.columns = [column.strip() for column in header]
    if frame.to_series(-1).null_count():  # so is a cell that a row lacks
        _require_rows(name, content, separator, len(header))
    is_empty = pl.Series([True]).new_from_index(0, frame.height)
    for column in frame:
        is_empty &= column.fill_null("").str.strip_chars() == ""
        if not is_empty.any():
            break
    frame = frame.filter(~is_empty) if is_empty.any() else frame
    if frame.height == 0:
        raise DataError(f"'{name}' has a header and no rows")
    return frame


def _typed(content: bytes, separator: str, header: Sequence[str], texts: Collection[str]) -> pl.DataFrame | None:
    """The cells of columns of numbers as numbers, in a third of the time; None where a number is none, or not finite.

    Which columns are numbers is seen from the first rows, and where a later one is none there is an error to be told.
    """
    try:
        frame = pl.read_csv(
            io.BytesIO(content),
            separator=separator,
            schema_overrides={name: pl.String for name in header if name.strip() in texts},
            infer_schema_length=FIRST_ROWS,
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        return None
    floats = (cells for cells in frame if cells.dtype.is_float())
    return frame if all(cells.is_finite().all() for cells in floats) else None


def line_of(content: bytes, separator: str, row: int) -> int | None:
    """The line on which a row ends, counted from 0 without the header and empty ones; None if it cannot be told."""
    with _records(content, separator) as records:
        try:
            lines = (line for line, cells in records if any(map(str.strip, cells)))
            return next(islice(lines, row + 1, None), None)
        except csv.Error:
            return None


def _quoted(separator: str) -> re.Pattern[bytes]:
    """A cell in quotes, as it ought to be, within the separators and the ends of lines around it."""
    around = b"[" + re.escape(separator.encode()) + rb"\r\n]"
    return re.compile(b"(?:^|(?<=" + around + b'))"(?:[^"]|"")*+"(?=' + around + b"|$)")


def _header(name: str, content: bytes, separator: str) -> list[str]:
    """The names of the columns, with the blanks around them."""
    try:
        with _records(content, separator) as records:
            header = next((cells for _, cells in records if any(map(str.strip, cells))), [])
    except UnicodeDecodeError:
        _require_utf8(name, content)
        raise
    except csv.Error as error:
        raise DataError(f"cannot read '{name}', line 1: {_described(error)}") from None
    if not any(map(str.strip, header)):
        raise DataError(f"'{name}' is empty: a header line with the names of the columns is expected")
    require_different(name, [column.strip() for column in header])
    other = next((mark for mark in ";\t," if mark != separator and mark in header[0]), None)
    if len(header) == 1 and other:
        raise DataError(
            f"'{name}' seems to be separated by {other!r} and not by {separator!r}; save it with the latter"
        )
    return header


def _require_utf8(name: str, content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        byte = f"0x{content[error.start]:02x}"
        line = _line(content, error.start)
        raise DataError(f"cannot read '{name}', line {line}: byte {byte} is not UTF-8; save it as UTF-8") from None


def _require_rows(name: str, content: bytes, separator: str, columns: int) -> None:
    """Raise DataError for the first row that has not as many cells, or that never ends. Lines with nothing are none."""
    begin = 1
    with _records(content, separator) as records:
        try:
            for line, row in records:
                if row and len(row) != columns:
                    there = f"cannot read '{name}', line {line}"
                    raise DataError(f"{there}: {len(row)} cells where the header has {columns} columns")
                begin = line + 1
        except csv.Error as error:
            raise DataError(f"cannot read '{name}', line {begin}: {_described(error)}") from None


def _stray_quote(content: bytes, separator: str) -> str:
    """Where a quote first stands within a cell that does not begin with one: `, line 3`; empty where none does."""
    mark = re.escape(separator.encode())
    found = re.search(rb'(?:^|%b)[^"%b\n]+"' % (mark, mark), content, re.MULTILINE)
    return f", line {_line(content, found.end())}" if found else ""


def _described(error: csv.Error) -> str:
    is_unclosed = "unexpected end of data" in str(error)
    return "a cell begins with a quote that is never closed" if is_unclosed else str(error)


@contextmanager
def _records(content: bytes, separator: str) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """The rows with the header, and the line that each ends on."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        reader = csv.reader(
            io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=""), delimiter=separator, strict=True
        )
        yield ((reader.line_num, row) for row in reader)
    finally:
        csv.field_size_limit(limit)


def _line(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1
