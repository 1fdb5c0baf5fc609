"""A file that is no model of ours is refused as such, whatever it is, and never half loaded."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor

from minidl_core.errors import ModelFileError
from minidl_core.training import load_model, save_model, train

Header = dict[str, Any]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model of two rounds and two classes, float32."""
    path = tmp_path_factory.mktemp("good") / "model.safetensors"
    model = "linear(2,3)-tanh-linear(3,2)"
    save_model(train(model, "disk(n=20)", epochs=1, rounds=2).trained, path)
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


def parts(content: bytes) -> tuple[dict[str, Tensor], Header]:
    length = int.from_bytes(content[:8], "little")
    header: Header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["minidl"])
    return load(content), header


def edited(content: bytes, **changes: Any) -> bytes:
    """The file with some of the header's values changed, or taken out where they are `...`."""
    tensors, header = parts(content)
    header = {key: value for key, value in {**header, **changes}.items() if value is not ...}
    return save(tensors, {"minidl": json.dumps(header)})


def with_tensors(content: bytes, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> bytes:
    tensors, header = parts(content)
    return save(change(tensors), {"minidl": json.dumps(header)})


def test_the_edits_below_are_what_makes_the_difference(good: bytes, tmp_path: Path) -> None:
    for name, content in ("header", edited(good)), ("tensors", with_tensors(good, lambda tensors: tensors)):
        (tmp_path / name).write_bytes(content)
        assert load_model(tmp_path / name).classes == ("0", "1")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, good: bytes, refused: Callable[[bytes], str]) -> None:
    assert "is not a minidl model file" in refused(good[: int(share * len(good))])


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


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "1", '"text"', "{}", "[" * 100_000, '{"format": "1"}'])
def test_a_header_that_is_not_ours_is_refused(text: str, good: bytes, refused: Callable[[bytes], str]) -> None:
    assert "is not a minidl model file" in refused(save(parts(good)[0], {"minidl": text}))


def test_a_format_to_come_is_refused_by_its_number(good: bytes, refused: Callable[[bytes], str]) -> None:
    assert "has format 2, this minidl reads format 1" in refused(edited(good, format="2"))


@pytest.mark.parametrize(
    "key",
    ["format", "model", "loss", "feature_names", "target_name", "classes", "features", "target", "seeds"],
)
@pytest.mark.parametrize("value", [..., 7, {"a": 1}, [[]]], ids=["missing", "number", "map", "list"])
def test_a_header_with_a_value_of_the_wrong_kind_is_refused(
    key: str, value: Any, good: bytes, refused: Callable[[bytes], str]
) -> None:
    refused(edited(good, **{key: value}))


SCALE = {"mean": [[0.0, 0.0]] * 2, "std": [[1.0, 1.0]] * 2}


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
        ({"feature_names": ["x"]}, "feature_names"),
        ({"feature_names": ["x", "y", "z"]}, "feature_names"),
        ({"feature_names": "xy"}, "feature_names"),
        ({"feature_names": ["x", 1]}, "feature_names"),
        ({"feature_names": ["x", "x"]}, "feature_names"),
        ({"target_name": None}, "target_name"),
        ({"classes": ["a", "b", "c"]}, "classes"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"classes": "ab"}, "classes"),
        ({"classes": []}, "classes"),
        ({"classes": None}, "classes"),
        ({"classes": [1, 2]}, "classes"),
        ({"features": {**SCALE, "mean": [0.0, 0.0]}}, "features"),
        ({"features": {**SCALE, "std": [[1.0]] * 2}}, "features"),
        ({"features": {"mean": [[0.0, 0.0]] * 3, "std": [[1.0, 1.0]] * 3}}, "features"),
        ({"features": {**SCALE, "std": [[1.0, 0.0]] * 2}}, "features"),
        ({"features": {**SCALE, "std": [[1.0, -1.0]] * 2}}, "features"),
        ({"features": {**SCALE, "mean": [[float("nan"), 0.0]] * 2}}, "features"),
        ({"features": {**SCALE, "std": [[float("inf"), 1.0]] * 2}}, "features"),
        ({"features": None}, "is not a minidl model file"),
        ({"target": {"mean": [[0.0]] * 2, "std": [[1.0]] * 2}}, "target"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [0]}, "shape"),
        ({"seeds": [0, 1, 2]}, "shape"),
        ({"seeds": "01"}, "seeds"),
        ({"seeds": [0.5, 1]}, "seeds"),
    ],
    ids=str,
)
def test_a_header_that_does_not_fit_its_model_is_refused(
    changes: Header, words: str, good: bytes, refused: Callable[[bytes], str]
) -> None:
    assert words in refused(edited(good, **changes))


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
    assert "target" in refused(edited(content, target=None))
    assert "target" in refused(edited(content, target={"mean": [0.0, 0.0], "std": [1.0, 1.0]}))


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
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, length - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    try:
        loaded = load_model(path)
    except ModelFileError:
        return
    assert len(loaded.predict(torch.zeros(3, 2, dtype=torch.float64))) == 3
