"""A file that is no model of ours is refused as such, whatever it is, and never half loaded."""

from __future__ import annotations

import pickle
import reprlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_bytes import ZEROS, model_file, parts, sealed, text_of
from safetensors.torch import save
from torch import Tensor

from minidl_core.data import Column, numeric
from minidl_core.data.preprocessing import Preprocessing
from minidl_core.errors import ModelFileError
from minidl_core.runs import train
from minidl_core.training import load_model, save_model

Header = dict[str, Any]
COLUMNS = (*numeric("x", "y"), Column("is", "boolean"), Column("of", "category", ("a", "b", "c")))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model of two rounds and two classes, float32."""
    path = tmp_path_factory.mktemp("good") / "model.safetensors"
    model = "linear(2,3)-tanh-linear(3,2)"
    save_model(train(model, "disk(n=20)", loss="mse", epochs=1, rounds=2).trained, path)
    load_model(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def of_every_kind(tmp_path_factory: pytest.TempPathFactory, table_of: Any) -> bytes:
    """A model of columns of every kind, of which cells were missing and one category was never seen; two rounds."""
    path = tmp_path_factory.mktemp("every") / "model.safetensors"
    training = train("linear(6,3)", table_of(features=6), loss="mse", epochs=1, rounds=2)
    cells = [[1.0, 0.0, 1.0, 0.0], [2.0, torch.nan, torch.nan, torch.nan], [3.0, 5.0, 1.0, 0.0], [4.0, 6.0, 0.0, 2.0]]
    rows = torch.tensor([cells, cells[::-1]], dtype=torch.float64)
    features = Preprocessing.fit(COLUMNS, [rows], "standardize", "median")
    assert features.seen is not None
    save_model(replace(training.trained, features=features), path)
    load_model(path)
    return path.read_bytes()


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[bytes], str]:
    """Why a file of these bytes is refused."""

    def why(content: bytes) -> str:
        path = tmp_path / "model.safetensors"
        path.write_bytes(content)
        with pytest.raises(ModelFileError) as error:
            load_model(path)
        assert str(path) in str(error.value)
        return str(error.value)

    return why


def edited(content: bytes, **changes: Any) -> bytes:
    """The file with some of the header's values changed, or taken out where they are `...`."""
    tensors, header = parts(content)
    header = {key: value for key, value in {**header, **changes}.items() if value is not ...}
    return model_file(tensors, header)


def kind_of(value: Any) -> str:
    """A name for a case, however large it is."""
    return reprlib.repr(value)


def with_tensors(content: bytes, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> bytes:
    tensors, header = parts(content)
    return model_file(change(tensors), header)


def test_the_edits_below_are_what_makes_the_difference(good: bytes, tmp_path: Path) -> None:
    for name, content in ("header", edited(good)), ("tensors", with_tensors(good, lambda tensors: tensors)):
        (tmp_path / name).write_bytes(content)
        assert load_model(tmp_path / name).classes == ("0", "1")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, good: bytes, refused: Callable[[bytes], str]) -> None:
    words = "is not a minidl model file: it is empty;" if share == 0 else "is damaged, cut off or changed: "
    assert words in refused(good[: int(share * len(good))])


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"x,y,class\n1,2,3\n", b"\xff" * 1000, b"{}", b"PK\3\4" * 50])
def test_a_file_of_another_kind_is_refused(content: bytes, refused: Callable[[bytes], str]) -> None:
    assert "is not a minidl model file" in refused(content)


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def test_a_pickled_file_is_refused_and_not_run(tmp_path: Path, refused: Callable[[bytes], str]) -> None:
    trap = tmp_path / "trap"
    assert "is not a minidl model file" in refused(pickle.dumps(Bomb(str(trap))))
    torch.save({"weight": torch.zeros(2), "bomb": Bomb(str(trap))}, tmp_path / "model.pt")
    assert "is not a minidl model file" in refused((tmp_path / "model.pt").read_bytes())
    assert not trap.exists()


def test_a_safetensors_file_of_someone_else_is_refused(refused: Callable[[bytes], str]) -> None:
    tensors = {"0.weight": torch.zeros(2, 2)}
    assert "is not a minidl model file" in refused(save(tensors))
    assert "is not a minidl model file" in refused(save(tensors, {"format": "pt"}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its header is no JSON: Expecting property name"),
        ('"format":', "its header is no JSON: Expecting value"),
        ('"format":1}}', "its header is no JSON: Extra data"),
        ('"format":"1","format":"1"}', "its header has the key 'format' twice in one object"),
        ('"format":{"a":[{"b":1,"b":2}]}}', "its header has the key 'b' twice in one object"),
        ('"sha256":"0"}', "its header has the key 'sha256' twice in one object"),
        ('"format":' + "[" * 100_000, "its header has lists or objects too deep within each other"),
        ('"format":' + '{"a":' * 100_000, "its header has lists or objects too deep within each other"),
        ('"format":' + "[" * 600_000, "its header has more than 500,000 values, which no model needs"),
        ('"format":' + "1" * 5000 + "}", "its header has a number of 5,000 digits, at most 1,000 are read"),
        ('"format":1e400}', "its header has the number 1e400, which is larger than any that is computed with"),
        ('"format":-Infinity}', "its header has -Infinity, which is no number of JSON"),
        ('"format":NaN}', "its header has NaN, which is no number of JSON"),
        ('"format":NaN1', "its header has NaN, which is no number of JSON"),
        ('"format":"\\ud800"}', "its header has text with half a character (a lone surrogate)"),
        ('"\\uDfFf\\ud800\\udc00":1}', "its header has text with half a character (a lone surrogate)"),
    ],
    ids=kind_of,
)
def test_a_header_that_is_no_json_is_refused(
    text: str, words: str, good: bytes, refused: Callable[[bytes], str]
) -> None:
    given = f'{{"sha256":"{ZEROS}",' + text
    assert f"is not a minidl model file: {words}" in refused(model_file(parts(good)[0], given))


def test_pairs_of_surrogates_are_characters(good: bytes, tmp_path: Path) -> None:
    text = text_of({**parts(good)[1], "target_names": ["\U0001f33c and \\ud800"]})
    assert "\\ud83c\\udf3c and \\\\ud800" in text
    (tmp_path / "model").write_bytes(model_file(parts(good)[0], text))
    assert load_model(tmp_path / "model").target_names == ("\U0001f33c and \\ud800",)


@pytest.mark.parametrize("key", ["mine", "minidl"])
def test_a_header_that_does_not_begin_as_ours_is_refused(
    key: str, good: bytes, refused: Callable[[bytes], str]
) -> None:
    of = "a safetensors file of another program" if key == "mine" else "of a version of minidl that this one does not"
    assert f"is not a minidl model file: it is {of}" in refused(save(parts(good)[0], {key: '{"format":"1"}'}))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({}, "its header must be an object with a format, got {}"),
        ({"format": 1}, "it has format 1, this minidl reads format '1'"),
        ({"format": ["1"]}, "it has format ['1'], this minidl reads format '1'"),
        ({"format": "1"}, "its header: 'minidl', 'model', 'loss', 'features', 'target_names', 'classes', "),
        ({"format": "1", "model": "relu"}, "its header: 'minidl', 'loss', 'features', "),
    ],
)
def test_a_header_that_is_not_ours_is_refused(
    header: Header, words: str, good: bytes, refused: Callable[[bytes], str]
) -> None:
    assert f"cannot be loaded here: {words}" in refused(model_file(parts(good)[0], header))


def test_a_format_to_come_is_refused_by_its_number(good: bytes, refused: Callable[[bytes], str]) -> None:
    assert "it has format '2', this minidl reads format '1'" in refused(edited(good, format="2"))


KEYS = {
    "format": "has format",
    "minidl": "its minidl must be a text",
    "model": "its model must be a text",
    "loss": "its loss must be a text",
    "features": "its features must be an object with 'columns', 'scaling', 'missing', 'offset', 'scale', 'fill', 's",
    "target_names": "its target_names must be a list of at least 1 texts",
    "classes": "its classes must be a list of at least 2 texts",
    "weight_name": "its weight_name must be a text or null",
    "target": "its target must have a scale where it is a value, and none where it is a class",
    "seeds": "its seeds must be a list of 1 to 10000 whole numbers",
    "providers": "its providers must be a list of objects with texts kind, name, plugin, distribution, version",
}
"""Of a header, and what is said where the value is of another kind."""


def test_every_key_of_a_header_is_tried_below(good: bytes) -> None:
    assert parts(good)[1].keys() == KEYS.keys()


@pytest.mark.parametrize("value", [7, True, {"a": 1}, {}, [[]], [[[]] * 3] * 1000, "9" * 10_000], ids=kind_of)
@pytest.mark.parametrize("key", KEYS)
def test_a_value_of_the_wrong_kind_is_refused_by_its_name(
    key: str, value: Any, good: bytes, refused: Callable[[bytes], str]
) -> None:
    if isinstance(value, str) and key in ("minidl", "model", "loss", "weight_name"):
        pytest.skip("a text is right there")
    words = "its features: 'columns', 'scaling'" if key == "features" and isinstance(value, dict) else KEYS[key]
    said = refused(edited(good, **{key: value}))
    assert words in said
    assert len(said) < 500


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_missing_is_named(key: str, good: bytes, refused: Callable[[bytes], str]) -> None:
    words = "its header must be an object with a format" if key == "format" else f"its header: '{key}' is missing"
    assert words in refused(edited(good, **{key: ...}))


@pytest.mark.parametrize("name", ["feature_names", "", "x" * 100_000])
def test_a_key_that_is_not_known_is_named(name: str, good: bytes, refused: Callable[[bytes], str]) -> None:
    assert f"its header: '{name[:60]}' is not known here" in refused(edited(good, **{name: 1}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "linear(2,3)-tanh-linear(3,2"}, "cannot be loaded here"),
        ({"model": "linear(2,3)-tnah-linear(3,2)"}, "unknown layer 'tnah'"),
        ({"model": "linear(_,3)-tanh-linear(3,2)"}, "cannot be loaded here"),
        ({"model": "os.system(2)"}, "unknown layer 'os.system'"),
        ({"model": "linear(2,3)-relu-linear(3,2,bias=false)"}, "are not those of"),
        ({"model": "linear(2,4)-tanh-linear(4,2)"}, "has shape [2, 2, 3]"),
        ({"model": "linear(2,100000)-linear(100000,100000)"}, "cannot be loaded here"),
        ({"loss": "sme"}, "unknown loss 'sme'"),
        ({"target_names": []}, "its target_names must be a list of at least 1 texts, got []"),
        ({"target_names": ["a", 1]}, "its target_names must be a list of at least 1 texts, got ['a', 1]"),
        ({"target_names": ["a", "a"]}, "its target_names must differ, got ['a', 'a']"),
        ({"target_names": "class"}, "its target_names must be a list of at least 1 texts, got 'class'"),
        ({"target_names": None}, "its target_names must be a list of at least 1 texts, got None"),
        ({"target_names": ["a", "b"]}, "its target_names must be one where it is a class, got ['a', 'b']"),
        (
            {"classes": ["a", "b", "c"]},
            "its classes, ['a', 'b', 'c'], and its target_names, ['class'], are not those of 'linear(",
        ),
        ({"classes": ["a", "a"]}, "its classes must differ, got ['a', 'a']"),
        ({"classes": ["a"]}, "its classes must be a list of at least 2 texts, got ['a']"),
        ({"classes": "ab"}, "its classes must be a list of at least 2 texts, got 'ab'"),
        ({"classes": []}, "its classes must be a list of at least 2 texts, got []"),
        ({"classes": None}, "its classes, None, and its target_names, ['class'], are not those of 'linear(2,3)-tanh"),
        ({"classes": [1, 2]}, "its classes must be a list of at least 2 texts, got [1, 2]"),
        ({"features": None}, "its features must be an object with 'columns'"),
        ({"target": {"mean": [[0.0]] * 2, "std": [[1.0]] * 2}}, "its target must have a scale where it is a value"),
        ({"weight_name": ["w"]}, "its weight_name must be a text or null, got ['w']"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [0]}, "shape"),
        ({"seeds": [0, 1, 2]}, "shape"),
        ({"seeds": "01"}, "seeds"),
        ({"seeds": [0.5, 1]}, "seeds"),
        ({"seeds": [True, False]}, "seeds"),
        ({"seeds": [0] * 10_001}, "its seeds must be a list of 1 to 10000 whole numbers, got [0, 0, 0, 0, 0, 0, ...]"),
    ],
    ids=kind_of,
)
def test_a_header_that_does_not_fit_its_model_is_refused(
    changes: Header, words: str, good: bytes, refused: Callable[[bytes], str]
) -> None:
    assert words in refused(edited(good, **changes))


# -- features -------------------------------------------------------------------------------------------------


def with_features(content: bytes, **changes: Any) -> bytes:
    """The file with some values of its features changed, or taken out where they are `...`."""
    features = {**parts(content)[1]["features"], **changes}
    return edited(content, features={key: value for key, value in features.items() if value is not ...})


def with_column(content: bytes, place: int, **changes: Any) -> bytes:
    """The same for one of its columns."""
    columns = parts(content)[1]["features"]["columns"]
    changed = {**columns[place], **changes}
    columns[place] = {key: value for key, value in changed.items() if value is not ...}
    return with_features(content, columns=columns)


def test_the_edits_of_features_are_what_makes_the_difference(of_every_kind: bytes, tmp_path: Path) -> None:
    for content in with_features(of_every_kind), with_column(of_every_kind, 3):
        (tmp_path / "model").write_bytes(content)
        assert load_model(tmp_path / "model").features.columns == COLUMNS


FEATURES = ("columns", "scaling", "missing", "offset", "scale", "fill", "seen")


@pytest.mark.parametrize("key", FEATURES)
def test_a_key_of_features_that_is_missing_is_named(
    key: str, of_every_kind: bytes, refused: Callable[[bytes], str]
) -> None:
    assert parts(of_every_kind)[1]["features"].keys() == set(FEATURES)
    assert f"its features: '{key}' is missing" in refused(with_features(of_every_kind, **{key: ...}))


def test_a_key_of_features_that_is_not_known_is_named(of_every_kind: bytes, refused: Callable[[bytes], str]) -> None:
    assert "its features: 'mean', 'std' are not known here" in refused(with_features(of_every_kind, mean=[], std=[]))


@pytest.mark.parametrize(
    "value",
    [7, True, "median!", {"a": 1}, {}, [], [[]], [[[]] * 3] * 1000, ["x"] * 100_000, {"x" * 9999: 1}, 10**400],
    ids=kind_of,
)
@pytest.mark.parametrize("key", FEATURES)
def test_a_value_of_features_of_the_wrong_kind_is_refused_by_its_name(
    key: str, value: Any, of_every_kind: bytes, refused: Callable[[bytes], str]
) -> None:
    said = refused(with_features(of_every_kind, **{key: value}))
    assert f"its {key} must be " in said or (key == "columns" and "one of its columns must be an object" in said)
    assert len(said) < 500


@pytest.mark.parametrize("key", ["columns", "scaling", "offset", "scale"])
def test_what_every_model_has_cannot_be_null(key: str, of_every_kind: bytes, refused: Callable[[bytes], str]) -> None:
    assert f"its {key} must be " in refused(with_features(of_every_kind, **{key: None}))


NUMBERS = "a list of 4 finite numbers, or a list of them for each of 2 rounds, got "
BOOLEANS = "a list of 6 booleans, or a list of them for each of 2 rounds, got "
ROUND = [0.0, 0.0, 0.0, 0.0]
ONES = [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *(
            ({key: wrong}, f"its {key} must be {NUMBERS}")
            for key in ("offset", "scale", "fill")
            for wrong in (
                [ONES] * 3,
                [ONES],
                [[1.0] * 3] * 2,
                [ONES, ONES[1:]],
                [[*ONES, 1.0], ONES],
                [ONES, None],
                [ONES, 1.0],
                [1.0] * 3,
                [1.0] * 5,
                [[ONES] * 2],
                [["1.0"] * 4] * 2,
                [[True] * 4] * 2,
                [[None, 1.0, 1.0, 1.0]] * 2,
                [[1.0, 10**400, 1.0, 1.0]] * 2,
            )
        ),
        ({"scale": [[0.0, 1.0, 1.0, 1.0]] * 2}, "its scale must be greater than 0, got [[0.0, 1.0, 1.0, 1.0], [0.0,"),
        ({"scale": [[1.0, -1.0, 1.0, 1.0]] * 2}, "its scale must be greater than 0, got [[1.0, -1.0, 1.0, 1.0], ["),
        ({"scale": [[1.0, 1.0, 2.0, 1.0]] * 2}, "its offset must be 0 and its scale 1 for the boolean 'is'"),
        ({"offset": [[0.0, 0.0, 0.0, 1.0]] * 2}, "its offset must be 0 and its scale 1 for the category 'of'"),
        *(
            ({key: wrong}, "its offset, scale, fill and seen must be all for each round, or all for any round")
            for key, wrong in (("offset", ROUND), ("scale", ONES), ("fill", ROUND), ("seen", [True] * 6))
        ),
        ({"fill": None}, "its fill must be there where missing is one of median, mean, most_frequent, and not else;"),
        ({"missing": None}, "and not else; missing is None, fill [["),
        ({"missing": "drop"}, "and not else; missing is drop, fill [["),
        ({"missing": "mode"}, "its missing must be one of None, drop, median, mean, most_frequent, got 'mode'"),
        ({"scaling": "maximum"}, "its scaling must be one of standardize, min_max, none, got 'maximum'"),
        ({"fill": [[0.0, 0.0, 0.5, 0.0]] * 2}, "its fill must be a boolean for 'is', got [[0.0, 0.0, 0.5, 0.0], ["),
        ({"fill": [[0.0, 0.0, 2.0, 0.0]] * 2}, "its fill must be a boolean for 'is', got [[0.0, 0.0, 2.0, 0.0], ["),
        ({"fill": [[0.0, 0.0, 0.0, 3.0]] * 2}, "its fill must be a category for 'of', got [[0.0, 0.0, 0.0, 3.0], ["),
        ({"fill": [[0.0, 0.0, 0.0, 0.5]] * 2}, "its fill must be a category for 'of', got [[0.0, 0.0, 0.0, 0.5], ["),
        ({"fill": [[0.0, 0.0, 0.0, -2.0]] * 2}, "its fill must be a category for 'of', got [[0.0, 0.0, 0.0, -2.0], "),
        *(
            ({"seen": wrong}, f"its seen must be {BOOLEANS}")
            for wrong in (
                [[True] * 5] * 2,
                [[True] * 6] * 3,
                [True] * 4,
                [[1, 1, 1, 1, 1, 1]] * 2,
                [["true"] * 6] * 2,
                [[None] * 6] * 2,
                [[True] * 6, [True] * 7],
            )
        ),
    ],
    ids=kind_of,
)
def test_numbers_of_features_that_do_not_fit_the_columns_are_refused(
    changes: Header, words: str, of_every_kind: bytes, refused: Callable[[bytes], str]
) -> None:
    assert words in refused(with_features(of_every_kind, **changes))


@pytest.mark.parametrize(
    ("place", "changes", "words"),
    [
        *((0, {key: ...}, f"one of its columns: '{key}' is missing") for key in ("name", "kind", "categories")),
        (0, {"unit": "cm"}, "one of its columns: 'unit' is not known here"),
        (0, {"name": None}, "the name of each of its columns must be a text, got None"),
        (0, {"name": ["x"]}, "the name of each of its columns must be a text, got ['x']"),
        (0, {"name": "y"}, "its columns must differ in name, got ['y', 'y', 'is', 'of']"),
        (0, {"kind": "text"}, "the kind of its column 'x' must be one of number, boolean, category, got 'text'"),
        (
            0,
            {"kind": ["number"]},
            "the kind of its column 'x' must be one of number, boolean, category, got ['number']",
        ),
        (0, {"kind": None}, "the kind of its column 'x' must be one of number, boolean, category, got None"),
        (0, {"kind": "category"}, "its column 'x' is a category; the categories of a category are at least one text"),
        (0, {"categories": ["a"]}, "its column 'x' is a number; the categories of a category are at least one text"),
        (2, {"categories": ["a", "b"]}, "its column 'is' is a boolean; the categories of a category are at least one"),
        (3, {"categories": []}, "its column 'of' is a category; the categories of a category are at least one text"),
        (3, {"categories": "abc"}, "its categories must be a list of texts, got 'abc'"),
        (3, {"categories": ["a", "b", 3]}, "its categories must be a list of texts, got ['a', 'b', 3]"),
        (3, {"categories": None}, "its categories must be a list of texts, got None"),
        (3, {"categories": ["a", "b", "a"]}, "its categories must differ, got ['a', 'b', 'a']"),
        (3, {"categories": ["a", "b"]}, "its seen must be a list of 5 booleans"),
        (3, {"categories": list(map(str, range(100_000)))}, "its seen must be a list of 100003 booleans"),
    ],
    ids=kind_of,
)
def test_a_column_that_is_none_is_refused(
    place: int, changes: Header, words: str, of_every_kind: bytes, refused: Callable[[bytes], str]
) -> None:
    said = refused(with_column(of_every_kind, place, **changes))
    assert words in said
    assert len(said) < 500


@pytest.mark.parametrize("columns", [[3], [None], ["x", "y"], [["x", "number", []]], [[]]], ids=str)
def test_columns_must_be_objects(columns: Any, of_every_kind: bytes, refused: Callable[[bytes], str]) -> None:
    words = f"one of its columns must be an object with 'name', 'kind', 'categories', got {columns[0]!r}"
    assert words in refused(with_features(of_every_kind, columns=columns))


def test_columns_that_are_more_or_fewer_than_the_model_takes_are_refused(
    good: bytes, refused: Callable[[bytes], str]
) -> None:
    for names in ("x", "xyz"):
        columns = [{"name": name, "kind": "number", "categories": []} for name in names]
        numbers = [[1.0] * len(names)] * 2
        said = refused(with_features(good, columns=columns, offset=numbers, scale=numbers))
        assert "its columns are not those of 'linear(2,3)-tanh-linear(3,2)'" in said
        assert f"linear expects 2 inputs but gets {len(names)}" in said


# -- tensors --------------------------------------------------------------------------------------------------


def without(name: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def put(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {**tensors, name: change(tensors.get(name, torch.zeros(2, 3)))}


def each(change: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {name: change(tensor) for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("0.bias"), "are not those of"),
        (without("2.weight"), "are not those of"),
        (put("9.weight", torch.zeros_like), "are not those of"),
        (lambda _: {}, "are not those of"),
        (put("0.weight", lambda w: w.mT.contiguous()), "tensor '0.weight' has shape [2, 3, 2]"),
        (put("0.bias", lambda b: b[0]), "tensor '0.bias' has shape [3]"),
        (put("0.bias", lambda b: b[..., :1].contiguous()), "tensor '0.bias' has shape [2, 1]"),
        (each(lambda w: w.long()), "int64"),
        (each(lambda w: w.half()), "float16"),
        (each(lambda w: w > 0), "bool"),
        (put("0.bias", lambda b: b.double()), "float64"),
    ],
)
def test_tensors_that_are_not_the_models_are_refused(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    words: str,
    good: bytes,
    refused: Callable[[bytes], str],
) -> None:
    assert words in refused(with_tensors(good, change))


def test_the_scale_of_a_value_must_be_there_and_of_one_column(
    tmp_path: Path, table_of: Any, refused: Callable[[bytes], str]
) -> None:
    path = tmp_path / "values"
    save_model(train("linear(_,_)", table_of(classes=None), epochs=1).trained, path)
    content = path.read_bytes()
    one = {"mean": [0.0], "std": [1.0]}
    (tmp_path / "again").write_bytes(edited(content, target=one))
    load_model(tmp_path / "again")
    for target, words in (
        (None, "its target must have a scale where it is a value, and none where it is a class"),
        ({}, "its target: 'mean', 'std' are missing"),
        ({"mean": [0.0]}, "its target: 'std' is missing"),
        ({**one, "var": [1.0]}, "its target: 'var' is not known here"),
        ([0.0, 1.0], "its target must be an object with 'mean', 'std', got [0.0, 1.0]"),
        ({"mean": [0.0, 0.0], "std": [1.0, 1.0]}, "its mean must be a list of 1 finite numbers, got [0.0, 0.0]"),
        ({**one, "mean": [[0.0]]}, "its mean must be a list of 1 finite numbers, got [[0.0]]"),
        ({**one, "mean": 0.0}, "its mean must be a list of 1 finite numbers, got 0.0"),
        ({**one, "std": [10**400]}, "its std must be a list of 1 finite numbers, got [1000"),
        ({**one, "std": [0.0]}, "its target must have a std greater than 0 for each mean"),
        ({**one, "std": [-1.0]}, "its target must have a std greater than 0 for each mean"),
    ):
        assert words in refused(edited(content, target=target))
    words = "its classes, None, and its target_names, ['a', 'b'], are not those of 'linear(3,1)' with outputs [1]"
    assert words in refused(edited(content, target_names=["a", "b"]))


@pytest.mark.parametrize("name", ["absent.safetensors", "absent/model.safetensors"])
def test_a_missing_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=f"there is no model file '{tmp_path / name}'"):
        load_model(tmp_path / name)


def test_a_folder_without_a_model_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=f"there is no model file '{tmp_path / 'model.safetensors'}'"):
        load_model(tmp_path)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whichever_byte_of_the_header_is_changed_it_loads_or_is_refused(
    data: st.DataObject, good: bytes, tmp_path: Path
) -> None:
    length = 8 + int.from_bytes(good[:8], "little")
    content = bytearray(good)
    is_sealed = data.draw(st.booleans())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, length - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "model.safetensors"
    path.write_bytes(sealed(bytes(content)) if is_sealed else content)
    try:
        loaded = load_model(path)
    except ModelFileError:
        return
    assert is_sealed or bytes(content) == good
    assert len(loaded.predict(torch.zeros(3, 2, dtype=torch.float64))) == 3
