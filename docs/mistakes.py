"""What is wrong with tables, and what minidl says: the rows of a table in tables.md, written by `make docs`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cog

from minidl_core.data import MappedTable, read_table
from minidl_core.errors import MinidlError

GOOD = "size,town,kind\n1,Bern,a\n2.5,Chur,b\n3,Bern,a\n"
MISTAKES: dict[str, bytes] = {
    "a byte order mark, as Excel writes it": b"\xef\xbb\xbf" + GOOD.encode(),
    "Windows line ends": GOOD.replace("\n", "\r\n").encode(),
    "lines that end in CR alone": GOOD.replace("\n", "\r").encode(),
    "empty lines": GOOD.replace("\n", "\n\n").encode(),
    "quotes, with separators and new lines in them": b'size,town,kind\n1,"Bern, BE",a\n2.5,"Chur\nGR",b\n',
    "blanks around cells": GOOD.replace(",", " , ").encode(),
    "Latin-1": GOOD.replace("Chur", "Zürich").encode("latin-1"),
    "UTF-16": GOOD.encode("utf-16"),
    "NUL bytes": GOOD.replace("Chur", "Ch\0ur").encode(),
    "semicolons": GOOD.replace(",", ";").encode(),
    "a quote that is never closed": GOOD.replace("Chur", '"Chur').encode(),
    "a quote within a cell": GOOD.replace("2.5", '2"5').encode(),
    "a header with a name twice": GOOD.replace("town", "size").encode(),
    "a column without a name": GOOD.replace("town", "").encode(),
    "a row that is cut off": GOOD.replace(",Bern,a\n2", "\n2").encode(),
    "a row that is too long": GOOD.replace("Bern,a\n2", "Bern,a,4\n2").encode(),
    "a header alone": b"size,town,kind\n",
    "nothing": b"",
    "a missing cell": GOOD.replace("2.5", "").encode(),
    "`NA` (or `NaN`, `null`, `none`, `?`, `-`) among numbers": GOOD.replace("2.5", "NA").encode(),
    "a missing target": GOOD.replace("Chur,b", "Chur,").encode(),
    "a word among numbers": GOOD.replace("2.5", "big").encode(),
    "`1e999`": GOOD.replace("2.5", "1e999").encode(),
    "`1_000`": GOOD.replace("2.5", "1_000").encode(),
    "a comma for the point": GOOD.replace("2.5", '"2,5"').encode(),
    "Arabic digits": GOOD.replace("2.5", "٢").encode(),
    "numbers of more digits than fit": GOOD.replace("2.5", "12345678901234567890123").encode(),
    "dates": GOOD.replace("Bern", "2026-01-31").replace("Chur", "2026-02-01").encode(),
    "names of rows": "".join(["size,town,kind\n", *(f"1,town {i},{'ab'[i % 2]}\n" for i in range(30))]).encode(),
    "a cell of 200,000 characters": GOOD.replace("2.5", "x" * 200_000).encode(),
    "a constant column": GOOD.replace("2.5", "1").replace("3", "1").encode(),
    "one class": GOOD.replace(",b", ",a").encode(),
}


def outcomes() -> Iterator[tuple[str, str]]:
    """What is wrong, and how it is read or refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        for what, content in MISTAKES.items():
            path.write_bytes(content)
            try:
                table = read_table(path, "kind")
            except MinidlError as error:
                yield what, f"refused: {str(error).replace(str(path), 't.csv')}"
                continue
            assert not isinstance(table, MappedTable)
            columns = [f"{one.name}: {one.kind}" for one in table.columns]
            yield what, f"read: {len(table)} rows, {', '.join(columns)}"


def mistakes() -> None:
    """The table."""
    cog.outl("\n| what a table has | what becomes of it |\n| --- | --- |")
    for what, outcome in outcomes():
        shown = outcome.replace("|", "\\|").replace("\n", " ")
        cog.outl(f"| {what} | {shown} |")
    cog.outl()
