"""A checkpoint or a run.json that was written with care is refused in a line, or is one: nothing else happens."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from run_folders import contents, edit, run_json
from run_requests import MODEL, Stop
from torch import Tensor

import minidl_core
from minidl_core.cli.main import run
from minidl_core.errors import DivergedError, MinidlError, ModelFileError, RequestError
from minidl_core.persistence.tensor_file import open_tensors, write_tensors
from minidl_core.plugins import registry
from minidl_core.runs.repeat import repeat

pytestmark = pytest.mark.usefixtures("no_reports")

CHECKPOINT = Path("run", "checkpoint.safetensors")
ASKED: dict[str, Any] = {
    "model": MODEL,
    "data": "disk(n=24)",
    "epochs": 4,
    "batch_size": 10,
    "rounds": 2,
    "patience": 2,
    "optimizer": "adam" if registry().bearing("optimizer", "adam") else "sgd",
    "schedule": "reduce_on_plateau(patience=0)",
}
HOSTILE = [
    *(None, True, -1, 0.5, 10**19, float("nan"), float("inf"), "", "__import__('os').abort()"),
    *([], [None], {}, {"__class__": "os.system"}, [[[]]]),
]

Numbers = dict[str, Any]
Tensors = dict[str, Tensor]


def read() -> tuple[dict[str, Any], Tensors]:
    with open_tensors(CHECKPOINT) as opened:
        return opened.header, {name: opened.tensor(name) for name in opened.declared}


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of all that is within a value; of long lists, the first few."""
    if place:
        yield place
    within = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else [])
    for key, one in within[:60] if isinstance(value, dict) else within[:3]:
        yield from places(one, (*place, key))


def with_other(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    """A copy with something else in a place; ... leaves it out."""
    changed = copy.deepcopy(value)
    within = changed
    for key in place[:-1]:
        within = within[key]
    if other is ...:
        del within[place[-1]]
    else:
        within[place[-1]] = other
    return changed


def assert_refused_or_resumed(before: dict[str, bytes]) -> bool:
    """Whether it was refused, in a line, and nothing was changed; numbers that could be may bring nothing good."""
    try:
        minidl_core.resume("run")
    except (DivergedError, RequestError):
        return False
    except ModelFileError as error:
        told = str(error)
    else:
        return False
    assert "\n" not in told
    assert len(told) < 500
    assert contents("run") == before
    return True


@pytest.fixture
def forged() -> Callable[[dict[str, Any], Tensors], bool]:
    """Whether a checkpoint of this header and these tensors is refused, where it stands in an interrupted run."""
    minidl_core.train(**ASKED, out="run", stop=Stop(8))
    good = contents("run")

    def resume(header: dict[str, Any], tensors: Tensors) -> bool:
        for name, content in good.items():
            Path("run", name).write_bytes(content)
        write_tensors(CHECKPOINT, tensors, header)
        return assert_refused_or_resumed(contents("run"))

    return resume


def test_every_number_of_a_checkpoint(forged: Callable[..., bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.system", None)
    header, tensors = read()
    numbers = json.loads(header["numbers"])
    assert not forged(header, tensors)
    tried, refused = 0, 0
    for place in list(places(numbers)):
        for number, other in enumerate([..., *HOSTILE]):
            if (number + len(str(place))) % 7 == 0:
                tried += 1
                refused += forged({**header, "numbers": json.dumps(with_other(numbers, place, other))}, tensors)
    assert tried > 100
    assert refused > 0.7 * tried


def test_every_tensor_of_a_checkpoint(forged: Callable[..., bool]) -> None:
    header, tensors = read()
    assert not forged(header, tensors)
    for name, tensor in tensors.items():
        lacking = {other: one for other, one in tensors.items() if other != name}
        assert forged(header, lacking) or name == "stopped/losses", name
        assert forged(header, {**lacking, f"{name}x": tensor}) or name == "stopped/losses", name
        assert forged(header, {**tensors, name: tensor.to(torch.float16)}), name
        assert forged(header, {**tensors, name: tensor.reshape(1, *tensor.shape)}), name
        assert forged(header, {**tensors, name: tensor.reshape(-1)[:1]}), name
        if not name.startswith("components/schedule."):  # which begins without an axis of rounds
            assert forged(header, {**tensors, name: torch.zeros((), dtype=tensor.dtype)}), name
        if name != "course/history":
            assert forged(header, {**tensors, name: torch.cat([tensor, tensor])}), name


@pytest.mark.parametrize(
    "name",
    [
        *("components/layers.0.training", "components/layers.0.__class__", "components/layers.0.forward"),
        *("components/optimizer.arguments", "components/optimizer.state.more", "components/loss.__dict__"),
        *("early_stopping/layers.0.weight", "early_stopping/layers.0.forward", "early_stopping/layers.9.weight"),
        *("course/../../hacked", "nowhere/x", "nothing", "step/x"),
    ],
)
def test_a_tensor_that_names_something_else(forged: Callable[..., bool], name: str) -> None:
    header, tensors = read()
    forged(header, {**tensors, name: torch.ones(2)})
    if not name.startswith(("course/", "step/")):  # whose own tensors are asked for by name
        assert forged(header, {**tensors, name: torch.ones(2)})


@pytest.mark.parametrize("name", ["layers.0.forward", "layers.0.__class__", "layers.0.weight", "optimizer.arguments"])
def test_a_number_that_names_something_else(forged: Callable[..., bool], name: str) -> None:
    header, tensors = read()
    numbers = json.loads(header["numbers"])
    numbers["components"][name] = 1
    assert forged({**header, "numbers": json.dumps(numbers)}, tensors)


def test_a_place_beyond_the_words_of_a_generator_is_never_read(forged: Callable[..., bool]) -> None:
    header, tensors = read()
    numbers = json.loads(header["numbers"])
    for place in -1, 625, 10**6, 10**18:
        numbers["random"]["numpy"][1] = place
        assert forged({**header, "numbers": json.dumps(numbers)}, tensors)


@pytest.mark.parametrize("seconds", [-1, "1", None, [], True, float(10**19)])
def test_the_seconds_of_a_checkpoint(forged: Callable[..., bool], seconds: Any) -> None:
    header, tensors = read()
    assert forged({**header, "seconds": seconds}, tensors) == (not isinstance(seconds, float))


@pytest.mark.parametrize("numbers", ["", "[]", "{", "1", None, {}, "[" * 100_000, '{"course": 1}', "9" * 5000])
def test_numbers_that_are_none(forged: Callable[..., bool], numbers: Any) -> None:
    header, tensors = read()
    assert forged({**header, "numbers": numbers}, tensors)


@pytest.mark.filterwarnings("ignore::minidl_core.errors.ModelFileWarning")
def test_every_value_of_a_run_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads it; what is refused in one place may be of no use in another."""
    minidl_core.train(**ASKED, out="run")
    good = run_json("run")
    read_by = [["runs", "."], ["diff", "run", "run"], ["runs", ".", "--json"], ["diff", "run", "run", "--json"]]
    tried = 0
    for place in list(places(good)):
        for number, other in enumerate([..., *HOSTILE, "\ud800", [1, 2]]):
            if (number + len(str(place))) % 9:
                continue
            tried += 1
            Path("run", "run.json").write_text(json.dumps(with_other(good, place, other)))
            command = read_by[tried % len(read_by)]
            code = run(command)
            told = capsys.readouterr().err
            assert code in (0, 1), (place, other, told)
            assert "internal error" not in told, (place, other, told)
            assert told.count("\n") <= 1
            if place[0] in ("request", "providers", "working_directory", "data", "figures", "seeds"):
                told = ""
                try:
                    repeat("run")
                except MinidlError as error:
                    told = str(error)
                assert len(told) < 500
    assert tried > 150


def test_a_run_json_that_says_a_lot(capsys: pytest.CaptureFixture[str]) -> None:
    minidl_core.train(**ASKED, out="run")
    edit("run", request__model="linear(_,6)-" * 100_000)
    assert run(["rerun", "run"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("minidl: spec error: ")
    assert len(told) < 1000
    edit("run", format="9" * 10_000_000)
    with pytest.raises(ModelFileError, match="has format '9999") as raised:
        repeat("run")
    assert len(str(raised.value)) < 200
