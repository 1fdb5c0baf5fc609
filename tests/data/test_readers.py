"""Files that are read: every cell as the number or the class that it is, in every dialect that is promised."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl_core.data import numeric, read_table
from minidl_core.data.source import open_table_like
from minidl_core.errors import DataError

Write = Callable[..., str]


def test_features_are_all_columns_but_the_target_in_their_order(write: Write) -> None:
    table = read_table(write("a,class,b\n1,x,2\n3,y,4\n5,x,6\n"), "class")
    assert table.columns == numeric(*("a", "b"))
    assert table.target_names == ("class",)
    assert table.features.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert table.features.dtype == torch.float64
    assert table.target.tolist() == [0, 1, 0]
    assert table.target.dtype == torch.int64
    assert table.classes == ("x", "y")
    assert len(table) == 3


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("a,b,t\n1,2,x\n3,4,y\n", "table.csv"),
        ("a,b,t\n1,2,x\n3,4,y", "no_last_line_end.csv"),
        ("a,b,t\r\n1,2,x\r\n3,4,y\r\n", "crlf.csv"),
        ("\ufeffa,b,t\n1,2,x\n3,4,y\n", "bom.csv"),
        ("\ufeffa,b,t\r\n1,2,x\r\n3,4,y\r\n", "bom_and_crlf.csv"),
        ("a,b,t\n\n1,2,x\n\n\n3,4,y\n\n", "blank_lines.csv"),
        (" a , b ,t\n 1, 2 , x\n3 ,4, y \n", "spaces.csv"),
        ('"a","b","t"\n"1","2","x"\n"3","4","y"\n', "quoted.csv"),
        ("a\tb\tt\n1\t2\tx\n3\t4\ty\n", "table.tsv"),
        ("\ufeffa\tb\tt\r\n1\t2\tx\r\n3\t4\ty\r\n", "bom_and_crlf.tsv"),
        ("a,b,t\n1,2,x\n3,4,y\n", "UPPER.CSV"),
    ],
    ids=lambda value: value if "\n" not in value else "",
)
def test_one_table_in_every_dialect(write: Write, content: str, name: str) -> None:
    table = read_table(write(content, name), "t")
    assert table.columns == numeric(*("a", "b"))
    assert table.features.tolist() == [[1, 2], [3, 4]]
    assert table.classes == ("x", "y")


def test_quoted_separators_quotes_and_line_ends_belong_to_their_cell(write: Write) -> None:
    table = read_table(write('a,"t, the ""target"""\n1,"yes, sir"\n2,"no\nmadam"\n'), 't, the "target"')
    assert table.target_names == ('t, the "target"',)
    assert table.classes == ("no\nmadam", "yes, sir")
    assert table.target.tolist() == [1, 0]


def test_a_tab_separated_cell_may_have_commas(write: Write) -> None:
    assert read_table(write("a\tt\n1\tx,y\n2\tz\n", "t.tsv"), "t").classes == ("x,y", "z")


def test_names_and_classes_beyond_ascii_are_kept(write: Write) -> None:
    table = read_table(write("größe,clásse\n1,naïve\n2,日本\n"), "clásse")
    assert table.columns == numeric(*("größe",))
    assert table.classes == ("naïve", "日本")


NUMBERS = ["0", "-0.0", "+3", "1.5", ".5", "5.", "1e3", "1E-3", "-2.5e+07", "1e308", "5e-324", "0.1", "  7  "]


def test_numbers_are_read_to_the_last_bit(write: Write) -> None:
    table = read_table(write("a,t\n" + "".join(f"{number},{i % 2}\n" for i, number in enumerate(NUMBERS))), "t")
    assert table.features.flatten().tolist() == [float(number) for number in NUMBERS]


MISSING = ("na", "n/a", "null", "none", "?", "nan", "inf", "infinity", "+inf", "-inf", "+nan", "-nan")


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Z"]), min_size=1).filter(
                lambda label: label.lower() not in MISSING  # beside labels that are numbers
            ),
        ),
        min_size=2,
        max_size=18,  # more different texts name rows
    )
)
def test_whatever_pythons_csv_writes_is_read_back(rows: list[tuple[float, str]]) -> None:
    rows = [*rows, (0.0, "one"), (1.0, "another")]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("value", "label"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_bytes(text.getvalue().encode())
        table = read_table(str(path), "label", "classification")
    assert table.features.flatten().tolist() == [value for value, _ in rows]
    assert table.classes is not None
    labels = [re.sub(r"^([+-]?[0-9]+)\.0+$", r"\1", label) for _, label in rows]  # whole numbers have no point
    assert [table.classes[number] for number in table.target] == labels


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["b", "a", "c"], ("a", "b", "c")),
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["1", "01", "+1", "0"], ("0", "+1", "01", "1")),
        (["yes", "No", "yes"], ("No", "yes")),
        (["9" * 5000, "1"], ("1", "9" * 5000)),
    ],
    ids=["texts", "numbers", "mixed", "spellings", "cases", "long"],
)
def test_classes_are_in_the_order_of_numbers_or_of_the_alphabet(
    write: Write, cells: list[str], classes: tuple[str, ...]
) -> None:
    table = read_table(write("a,t\n" + "".join(f"1,{cell}\n" for cell in cells)), "t")
    assert table.classes == classes
    assert [classes[number] for number in table.target] == cells


def test_the_order_of_classes_does_not_depend_on_that_of_rows(write: Write) -> None:
    first = read_table(write("a,t\n1,x\n2,y\n3,z\n"), "t")
    assert read_table(write("a,t\n3,z\n2,y\n1,x\n"), "t").classes == first.classes


@pytest.mark.parametrize(
    ("cells", "is_regression"),
    [
        (["0", "1", "2"], False),
        (["-1", "+1"], False),
        (["a", "b"], False),
        (["0.5", "1", "2"], True),
        (["1.", "2."], True),
        (["1e3", "2"], True),
        (["1.5", "a", "b"], False),
        (["0x1", "0x2"], False),
    ],
)
def test_the_task_is_read_off_the_target(write: Write, cells: list[str], is_regression: bool) -> None:
    table = read_table(write("a,t\n" + "".join(f"1,{cell}\n" for cell in cells)), "t")
    assert (table.classes is None) == is_regression
    if is_regression:
        assert table.target.tolist() == [[float(cell)] for cell in cells]
        assert table.target.dtype == torch.float64


def test_the_task_may_be_said(write: Write) -> None:
    path = write("a,t\n1,10\n2,20\n3,20\n")
    assert read_table(path, "t", "regression").target.tolist() == [[10], [20], [20]]
    assert read_table(path, "t", "classification").classes == ("10", "20")


def test_a_model_reads_its_own_columns_in_whatever_order_they_are(write: Write) -> None:
    path = write("c,t,b,unused,a\n3,y,2,text,1\n6,x,5,,4\n")
    table = open_table_like(path, numeric("a", "b", "c"), ["t"], ("x", "y", "z"))
    assert table.columns == numeric(*("a", "b", "c"))
    assert table.features.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert table.target.tolist() == [1, 0]
    assert table.classes == ("x", "y", "z")


def test_a_model_of_values_reads_values(write: Write) -> None:
    table = open_table_like(write("t,a\n1,2\n3,4\n"), numeric("a"), ["t"], None)
    assert table.classes is None
    assert table.target.tolist() == [[1], [3]]
    assert table.target.dtype == torch.float64


def test_a_test_file_may_have_one_class_alone(write: Write) -> None:
    assert open_table_like(write("a,t\n1,y\n2,y\n"), numeric("a"), ["t"], ("x", "y")).target.tolist() == [1, 1]


def test_ten_thousand_rows_are_refused_at_the_one_that_is_wrong(write: Write) -> None:
    rows = "".join(f"{i},{i % 2}\n" for i in range(9_999))
    with pytest.raises(DataError, match=r"row 10000 \(line 10001\), column 'a'"):
        read_table(write(f"a,t\n{rows}oops,1\n"), "t")
