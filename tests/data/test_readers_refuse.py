"""Files that are refused: each mistake with the file, and the row, the line and the column where there is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from minidl_core.data import numeric, open_data, read_table
from minidl_core.data.reading import Reading
from minidl_core.data.source import open_table_like
from minidl_core.errors import DataError, MinidlError, RequestError

Write = Callable[..., str]


def refusal(path: str, target: str = "t", task: str | None = None, error: type[MinidlError] = DataError) -> str:
    with pytest.raises(error) as refused:
        read_table(path, target, task)
    assert path in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (
            "high",
            "'high' is not a number; correct it, leave the column out (--drop 'bad column'), or take its cells as "
            "categories (--categorical 'bad column')",
        ),
        ("1 000", "'1 000' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ('"1,5"', "'1,5' is not a number"),
        ("١٢", "'١٢' is not a number"),
        ("１", "'１' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("1e", "'1e' is not a number"),
        (".", "'.' is not a number"),
        ("--1", "'--1' is not a number"),
        ("true", "'true' is not a number"),
        ("-inf", "'-inf' is not a finite number; correct it, or remove the row"),
        ("Infinity", "'Infinity' is not a finite number"),
        ("1e999", "'1e999' is not a finite number"),
        ("-1e999", "'-1e999' is not a finite number"),
        ("9" * 400, "is not a finite number"),
    ],
)
def test_a_feature_that_is_no_finite_number_is_refused_where_it_stands(write: Write, cell: str, words: str) -> None:
    message = refusal(write(f"a,bad column,t\n1,2,x\n\n3,{cell},y\n5,6,x\n"))
    assert "row 2 (line 4), column 'bad column': " in message
    assert words in message


@pytest.mark.parametrize("cell", ["", "   ", '""', "NA", "n/a", "nan", "NaN", "null", "None", "?", "-"])
def test_missing_cells_are_refused_with_their_column_and_count_and_what_to_do(write: Write, cell: str) -> None:
    message = refusal(write(f"a,bad column,t\n1,2,x\n\n3,{cell},y\n5,6,x\n7,{cell},y\n"))
    assert (
        "has missing cells: 2 of 'bad column' (first in row 2 (line 4)); --missing median, mean or most_frequent fills "
        "them in from the training rows, --missing drop leaves their rows out"
    ) in message


def test_a_cell_of_a_kilobyte_is_shown_by_its_beginning(write: Write) -> None:
    message = refusal(write("a,t\n1,x\n" + "z" * 1000 + ",y\n"))
    assert "z" * 40 + "'" in message
    assert "z" * 41 not in message


def test_the_first_bad_cell_of_a_column_is_named_and_the_others_counted(write: Write) -> None:
    message = refusal(write("a,t\n1,x\nu,y\n2,x\nv,y\nw,x\n3,x\n"))
    assert "row 2 (line 3), column 'a': 'u' is not a number, nor are 2 more of this column" in message


def test_after_a_cell_of_two_lines_the_line_is_right_still(write: Write) -> None:
    message = refusal(write('a,t\n1,"x\ny"\nbad,z\n'))
    assert "row 2 (line 4), column 'a'" in message


@pytest.mark.parametrize(
    ("cell", "words"),
    [("oops", "'oops' is not a number"), ("1e999", "'1e999' is not a finite number")],
)
@pytest.mark.parametrize("task", ["regression", None])
def test_a_target_value_that_is_no_finite_number_is_refused_where_it_stands(
    write: Write, cell: str, words: str, task: str | None
) -> None:
    message = refusal(write(f"a,t\n1,0.5\n2,1.5\n3,{cell}\n4,2.5\n"), task=task)
    assert "row 3 (line 4), column 't': " + words in message


@pytest.mark.parametrize(("cells", "missing"), [(["0.5", "1.5", "nan", "2.5"], 3), (["x", "", "y"], 2)])
@pytest.mark.parametrize("how", [None, "median"])
def test_a_target_is_never_filled_in(write: Write, cells: list[str], missing: int, how: str | None) -> None:
    path = write("a,t\n" + "".join(f"1,{cell}\n" for cell in cells))
    words = rf"lacks what is to be predicted in some rows: 1 of 't' \(in row {missing} .*; --missing drop leaves them"
    with pytest.raises(DataError, match=words):
        read_table(path, "t", missing=how)
    assert len(read_table(path, "t", missing="drop")) == len(cells) - 1


@pytest.mark.parametrize("task", ["", "regresion", "Classification"])
def test_a_task_that_there_is_not_is_refused_with_those_that_there_are(write: Write, task: str) -> None:
    with pytest.raises(RequestError, match="task must be one of classification, regression, got") as refused:
        read_table(write("a,t\n1,x\n2,y\n"), "t", task)
    assert repr(task) in str(refused.value)


def test_one_class_alone_is_refused(write: Write) -> None:
    assert "column 't' has one class only ('x'); there is nothing to learn" in refusal(write("a,t\n1,x\n2,x\n"))


@pytest.mark.parametrize("content", ["", "\n", "\ufeff", "\r\n\r\n"])
def test_an_empty_file_is_refused(write: Write, content: str) -> None:
    assert "is empty: a header line with the names of the columns is expected" in refusal(write(content))


@pytest.mark.parametrize("content", ["a,t", "a,t\n", "a,t\r\n\r\n"])
def test_a_header_alone_is_refused(write: Write, content: str) -> None:
    assert "has a header and no rows" in refusal(write(content))


@pytest.mark.parametrize(("row", "cells"), [("3", 1), ("3,4", 2), ("3,4,y,5", 4), ("3,4,y,", 4)])
def test_a_row_of_another_length_is_refused_with_its_line(write: Write, row: str, cells: int) -> None:
    message = refusal(write(f"a,b,t\n1,2,x\n\n{row}\n"))
    assert f"line 4: {cells} cells where the header has 3 columns" in message


def test_a_semicolon_file_is_refused_with_its_separator(write: Write) -> None:
    assert "seems to be separated by ';' and not by ','" in refusal(write("a;b;t\n1;2;x\n"))


@pytest.mark.parametrize(("header", "name"), [("a,a,t", "a"), ("a,t,t", "t"), ("a, a ,t", "a"), ("b,,,t", "")])
def test_a_column_twice_is_refused_by_name(write: Write, header: str, name: str) -> None:
    row = ",".join("1" * len(header.split(",")))
    assert f"has the column '{name}' more than once" in refusal(write(f"{header}\n{row}\n{row}\n"))


@pytest.mark.parametrize("content", ['a,t\n1,x\n2,"y\n3,z\n', 'a,"t\n1,x\n', 'a,t\n1,"x"y\n'])
def test_a_quote_left_open_or_broken_is_refused_with_its_line(write: Write, content: str) -> None:
    message = refusal(write(content))
    assert "cannot read" in message
    assert ", line " in message


@pytest.mark.parametrize("before", [2, 5000, 100_000])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_bytes_that_are_not_utf8_are_refused_with_their_place(write: Write, before: int, bom: bytes) -> None:
    rows = b"1,x\n" * before
    message = refusal(write(bom + b"a,t\n" + rows + "1,café\n".encode("latin-1")))
    assert f"line {before + 2}: byte 0xe9 is not UTF-8; save it as UTF-8" in message


def test_utf16_is_refused(write: Write) -> None:
    assert "is UTF-16 text; save it as UTF-8" in refusal(write("a,t\n1,x\n".encode("utf-16")))


@pytest.mark.parametrize("name", ["table.xlsx", "table.txt", "table", "table.csv.gz", ".csv"])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(write: Write, name: str) -> None:
    message = refusal(write("a,t\n1,x\n2,y\n", name))
    assert ".csv" in message
    assert ".tsv" in message


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    assert "there is no file" in refusal(str(tmp_path / "absent.csv"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert "cannot read" in refusal(str(tmp_path / "folder.csv"))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read anything")
def test_a_file_one_may_not_read_is_refused(write: Write) -> None:
    path = write("a,t\n1,x\n")
    Path(path).chmod(0)
    assert "Permission denied" in refusal(path)


def test_a_missing_target_is_refused_with_the_columns_and_the_nearest(write: Write) -> None:
    message = refusal(write("height,weight,label\n1,2,x\n3,4,y\n"), "labell", error=RequestError)
    assert "has no column 'labell'" in message
    assert "did you mean 'label'" in message
    assert "its columns: 'height', 'weight', 'label'" in message


def test_of_many_columns_the_first_are_listed(write: Write) -> None:
    header = ",".join(f"c{i}" for i in range(80))
    message = refusal(write(f"{header}\n{','.join('1' * 80)}\n"), "target", error=RequestError)
    assert "'c49' and 30 more" in message
    assert "'c50'" not in message


def test_a_target_alone_is_refused(write: Write) -> None:
    assert "has no column beside the target 't'" in refusal(write("t\nx\ny\n"))


def test_a_model_names_the_columns_that_a_file_lacks(write: Write) -> None:
    with pytest.raises(DataError, match=r"lacks 'width', 'depth'; .*its columns: 'height', 'wdth', 't'"):
        open_table_like(write("height,wdth,t\n1,2,x\n"), numeric("height", "width", "depth"), ["t"], ("x", "y"))
    with pytest.raises(DataError, match="lacks 't'"):
        open_table_like(write("height\n1\n"), numeric("height"), ["t"], ("x", "y"))


def test_a_model_names_the_class_that_it_does_not_know(write: Write) -> None:
    path = write("a,t\n1,x\n2,w\n")
    with pytest.raises(DataError, match=r"row 2 \(line 3\), column 't': unknown class 'w'; there are: 'x', 'y'"):
        open_table_like(path, numeric("a"), ["t"], ("x", "y"))


def test_a_model_names_the_cell_that_is_no_number(write: Write) -> None:
    with pytest.raises(DataError, match=r"row 1 \(line 2\), column 'b': 'x' is not a number"):
        open_table_like(write("b,a,t\nx,1,y\n"), numeric("a", "b"), ["t"], ("y", "z"))


def test_open_data_tells_files_from_datasets(write: Write) -> None:
    assert len(open_data(write("a,t\n1,x\n2,y\n"), Reading("t"))) == 2  # type: ignore[arg-type]
    assert str(open_data("disk(n=20)")) == "disk(n=20)"
    with pytest.raises(DataError, match=r"there is no file 'absent\.csv'"):
        open_data("absent.csv", Reading("t"))
    with pytest.raises(RequestError, match="needs a target, the column to predict; its columns: 'a', 't'"):
        open_data(write("a,t\n1,x\n2,y\n"))
    with pytest.raises(RequestError, match=r"no file and no dataset 'iris'; the datasets are: .*disk"):
        open_data("iris")
    with pytest.raises(RequestError, match="dataset 'disk' has its own columns; leave the target 'class' out"):
        open_data("disk", Reading("class"))
    with pytest.raises(RequestError, match="did you mean 'disk'"):
        open_data("dsik")
