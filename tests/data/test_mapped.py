"""Tables that stay in their file: the same numbers and classes as in memory, whatever block they are read in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from minidl_core.data import MappedTable, Table, map_table, numeric, open_data, read_table
from minidl_core.data.mapped import PLACES, map_table_like
from minidl_core.data.reading import Reading
from minidl_core.errors import DataError, RequestError

Save = Callable[..., str]


def whole(table: MappedTable) -> Table:
    return table.rows(slice(None))


def named(**columns: Any) -> NDArray[Any]:
    """A structured array of these columns."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    table = np.empty(len(next(iter(arrays.values()))), [(name, array.dtype) for name, array in arrays.items()])
    for name, array in arrays.items():
        table[name] = array
    return table


def test_named_columns_are_a_table_as_those_of_a_csv_file(save: Save, tmp_path: Path) -> None:
    a, b, t = [1.5, -2.25, 3e10, 4.0], [1, 2, 3, 4], [7, 10, 9, 7]
    (tmp_path / "table.csv").write_text("a,b,t\n" + "".join(f"{x},{y},{z}\n" for x, y, z in zip(a, b, t, strict=True)))
    mapped, read = map_table(save(named(a=a, b=b, t=t)), "t"), read_table(str(tmp_path / "table.csv"), "t")
    table = whole(mapped)
    assert len(mapped) == len(read)
    assert torch.equal(table.features, read.features)
    assert torch.equal(table.target, read.target)
    for one in mapped, table:
        assert (one.columns, one.target_names, one.classes) == (read.columns, ("t",), ("7", "9", "10"))


def test_the_columns_of_a_matrix_are_called_by_their_numbers(save: Save) -> None:
    matrix = np.arange(12.0).reshape(4, 3)
    mapped = map_table(save(matrix), "1")
    assert mapped.columns == numeric("0", "2")
    assert mapped.classes is None
    assert whole(mapped).features.tolist() == matrix[:, [0, 2]].tolist()
    assert whole(mapped).target.tolist() == matrix[:, [1]].tolist()


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "<i2", ">i4", "<u4", "<i8", ">u8", "<f2", ">f4", "<f4", ">f8", "<f8", "g"]
)
@pytest.mark.parametrize("has_names", [False, True])
def test_every_real_type_is_read(save: Save, dtype: str, has_names: bool) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    array = named(a=values[:, 0], b=values[:, 1], t=values[:, 2]) if has_names else values
    table = whole(map_table(save(array), "t" if has_names else "2", "regression"))
    assert table.features.dtype == table.target.dtype == torch.float64
    assert table.features.tolist() == [[0, 1], [1, 0]]
    assert table.target.tolist() == [[1], [1]]


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        (np.array([3, -1, 10]), None, ("-1", "3", "10")),
        (np.array([2, 0, 1], "u1"), None, ("0", "1", "2")),
        (np.array([True, False, True]), None, ("False", "True")),
        (np.array([2**60 + 1, 2**60, 1]), None, ("1", str(2**60), str(2**60 + 1))),
        (np.array([1.0, 0.0, -0.0], "f4"), "classification", ("0", "1")),
        (np.array([0.1, 2.0, 10.0], "f4"), "classification", ("0.1", "2", "10")),
        (np.array([1.0, 0.0, 1.0]), None, None),
        (np.array([1, 0, 1]), "regression", None),
    ],
)
def test_integers_and_booleans_are_classes_unless_the_task_is_said(
    save: Save, target: NDArray[Any], task: str | None, classes: tuple[str, ...] | None
) -> None:
    table = whole(map_table(save(named(a=[1.0, 2.0, 3.0], t=target)), "t", task))
    assert table.classes == classes
    if classes is None:
        assert table.target.flatten().tolist() == target.tolist()
    else:
        values = sorted(set(target.tolist()))
        assert [values[label] for label in table.target] == target.tolist()


def test_data_may_be_such_a_file(save: Save) -> None:
    path = save(named(a=[1.0, 2.0], t=[0, 1]), "TABLE.NPY.npy")
    assert isinstance(open_data(path, Reading("t")), MappedTable)
    with pytest.raises(RequestError, match="needs a target, the column to predict; its columns: 'a', 't'"):
        open_data(path)


@pytest.mark.filterwarnings("ignore:Stored array in format")
def test_names_beyond_ascii_and_thousands_of_columns_are_read(save: Save) -> None:
    columns = {f"ширина {i}": [1.0, 2.0] for i in range(3000)}
    assert map_table(save(named(**columns, t=[0, 1])), "t").columns == numeric(*columns)


def test_a_model_reads_its_own_columns_in_whatever_order_they_are(save: Save) -> None:
    path = save(named(c=[3.0, 6.0], t=[1, 0], unused=[np.nan, 1.0], a=[1.0, 4.0]))
    table = whole(map_table_like(path, numeric("a", "c"), ("t",), ("0", "1", "2")))
    assert table.features.tolist() == [[1, 3], [4, 6]]
    assert table.target.tolist() == [1, 0]


def test_some_rows_are_those_of_the_slice(save: Save) -> None:
    mapped = map_table(save(np.arange(30.0).reshape(10, 3)), "2")
    for part in slice(2, 5), slice(-3, None), slice(0, 0), slice(7, 99), slice(5, 2):
        assert mapped.rows(part).features.tolist() == whole(mapped).features[part].tolist()
    with pytest.raises(RequestError, match="step must be 1"):
        mapped.rows(slice(0, 9, 2))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("rows", [1, 5, 19, 20, 21, 40, 99, 1000])
def test_the_blocks_are_all_rows_once_and_of_almost_one_size(save: Save, rows: int) -> None:
    mapped = map_table(save(np.arange(3.0 * rows).reshape(rows, 3)), "2")
    blocks = [mapped.block(number) for number in range(mapped.blocks)]
    assert len(blocks) == -(-rows // 20)
    sizes = [len(block) for block in blocks]
    assert max(sizes) - min(sizes) <= PLACES
    assert mapped.rows_before == [sum(sizes[:number]) for number in range(len(sizes) + 1)]
    features, target = torch.cat([block.features for block in blocks]), torch.cat([block.target for block in blocks])
    assert torch.equal(target, features[:, 1:] + 1)
    order = features[:, 0].argsort()
    assert torch.equal(features[order], whole(mapped).features)


def test_one_block_has_the_rows_in_the_order_of_the_file(save: Save) -> None:
    mapped = map_table(save(np.arange(300.0).reshape(100, 3)), "2")
    assert mapped.blocks == 1
    assert torch.equal(mapped.block(0).features, whole(mapped).features)


@pytest.mark.usefixtures("small_blocks")
def test_a_block_of_a_sorted_file_is_a_sample_of_the_whole(save: Save) -> None:
    mapped = map_table(save(named(a=np.arange(600.0), b=np.zeros(600), t=np.arange(600) // 150)), "t")
    for number in range(mapped.blocks):
        assert mapped.block(number).target.bincount().tolist() == pytest.approx([5, 5, 5, 5], abs=1)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("column", ["a", "b", "t"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_where_it_stands(save: Save, column: str, value: float) -> None:
    table = named(a=np.zeros(100, "f4"), b=np.zeros(100), t=np.zeros(100))
    table[column][77] = value
    mapped = map_table(save(table), "t")
    with pytest.raises(DataError, match=rf"row 78, column '{column}': '{value}' is not a finite number; correct it"):
        [mapped.block(number) for number in range(mapped.blocks)]


def test_a_class_that_is_not_finite_is_refused_where_it_stands(save: Save) -> None:
    with pytest.raises(DataError, match="row 2, column '1': 'nan' is not a finite number"):
        map_table(save(np.array([[1.0, 1.0], [1.0, np.nan]])), "1", "classification")


def test_a_class_that_the_model_does_not_know_is_refused_where_it_stands(save: Save) -> None:
    mapped = map_table_like(save(named(a=[1.0, 2.0], t=[1, 5])), numeric("a"), ("t",), ("0", "1"))
    with pytest.raises(DataError, match="row 2, column 't': unknown class '5'; there are: '0', '1'"):
        whole(mapped)


def test_a_file_that_shrinks_while_it_is_used_is_an_error(save: Save) -> None:
    path = save(np.zeros((1000, 3)))
    mapped = map_table(path, "2")
    with open(path, "r+b") as file:
        file.truncate(5000)
    with pytest.raises(DataError, match="has become shorter since it was opened"):
        whole(mapped)
    Path(path).unlink()
    with pytest.raises(DataError, match=r"cannot read '.*table\.npy': No such file"):
        whole(mapped)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.asfortranarray(np.zeros((4, 3))), "in Fortran's order.*numpy.ascontiguousarray"),
        (np.zeros(4), r"an array of shape \[4\]; a table has rows and columns"),
        (np.zeros((4, 3, 2)), r"an array of shape \[4, 3, 2\]; a table has rows and columns"),
        (np.float64(1.0), r"an array of shape \[\]; a table has rows and columns"),
        (np.zeros((2, 2), [("a", "f4"), ("t", "f4")]), r"named columns and the shape \[2, 2\]; give it one axis"),
        (np.zeros((4, 3), complex), "has complex numbers; give real numbers alone"),
        (np.array([["a", "b"]]), "has texts; give real numbers alone"),
        (np.array([[b"a", b"b"]]), "has bytes; give real numbers alone"),
        (np.zeros((4, 3), "M8[s]"), "has dates; give real numbers alone"),
        (np.zeros(4, [("a", "f4"), ("t", "U3")]), "column 't' has texts"),
        (np.zeros(4, [("a", "f4", (2,)), ("t", "f4")]), "column 'a' has columns within columns"),
        (np.zeros(4, [("a", [("b", "f4")]), ("t", "f4")]), "column 'a' has columns within columns"),
        (np.array([[1, "a"]], object), "no array of numbers.*Python objects"),
        (np.zeros((0, 3)), r"is empty: an array of shape \[0, 3\]"),
        (np.zeros((3, 0)), r"is empty: an array of shape \[3, 0\]"),
        (np.zeros(0, [("a", "f4"), ("t", "f4")]), r"is empty: an array of shape \[0\]"),
        (np.zeros((3, 1)), "has no column beside the target"),
        (named(a=[1.0, 2.0], **{"0": [1, 1]}), r"column '0' has one class only \('1'\); there is nothing to learn"),
    ],
)
def test_an_array_that_is_no_table_is_refused(save: Save, array: NDArray[Any], words: str) -> None:
    path = save(array)
    with pytest.raises(DataError, match=words) as refused:
        map_table(path, "0")
    assert path in str(refused.value)


def test_too_many_classes_are_refused(save: Save) -> None:
    with pytest.raises(DataError, match=r"more than 100000 different values.*the task regression"):
        map_table(save(np.arange(300_000).reshape(150_000, 2)), "1")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"a,b,t\n1,2,3\n",
        b"\x93NUMPY\x01\x00\x10\x00not a dictionary",
        b"\x93NUMPY\x02\x00\x00\x00\x10\x00" + b"(" * 2**20,
        b"\x93NUMPY\x02\x00\x00\x00\x08\x00" + b"-" * 2**19,
        b"\x93NUMPY\x01\x00\x40\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 3), }".ljust(64),
        b"\x93NUMPY\x01\x00\x50\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (9%s, 3), }" % (b"9" * 20),
    ],
    ids=["empty", "magic alone", "csv", "no dictionary", "deep", "long", "negative", "huge"],
)
def test_a_file_that_is_no_array_is_refused(write: Save, content: bytes) -> None:
    path = write(content, "table.npy")
    with pytest.raises(DataError, match=r"table\.npy' is no array of numbers in NumPy's format"):
        map_table(path, "0")


def test_a_file_that_is_cut_off_is_refused(save: Save) -> None:
    path = save(np.zeros((100, 3)))
    with open(path, "r+b") as file:
        file.truncate(1000)
    with pytest.raises(DataError, match="cut off"):
        map_table(path, "0")


class Trap:
    """A pickle of this writes a file when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("trapped", "w")


@pytest.mark.parametrize("is_plain", [True, False], ids=["a pickle", "objects in an array"])
def test_no_pickle_is_ever_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_plain: bool) -> None:
    monkeypatch.chdir(tmp_path)
    traps = np.array([[Trap(), Trap()]], object)
    (traps.dump if is_plain else lambda path: np.save(path, traps, allow_pickle=True))("table.npy")
    with pytest.raises(DataError, match="no array of numbers"):
        map_table("table.npy", "0")
    assert not Path("trapped").exists()


def test_a_missing_column_is_named_with_those_that_there_are(save: Save) -> None:
    path = save(named(width=[1.0, 2.0], label=[0, 1]))
    with pytest.raises(RequestError, match="no column 'lable'; did you mean 'label'\\? its columns: 'width', 'label'"):
        map_table(path, "lable")
    with pytest.raises(DataError, match="lacks 'height'; its columns: 'width', 'label'"):
        map_table_like(path, numeric("width", "height"), ("label",), ("0", "1"))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read '.*none\.npy': No such file"):
        map_table(str(tmp_path / "none.npy"), "0")
    with pytest.raises(DataError, match="Is a directory"):
        map_table(str(tmp_path), "0")
