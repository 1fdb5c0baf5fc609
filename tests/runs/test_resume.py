"""What cannot go on is refused in a line, and nothing in its folder changes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from run_folders import contents, edit, run_json
from run_requests import MODEL, Stop, request, write_table

import minidl_core
from minidl_core.errors import DataError, DivergedError, MinidlError, ModelFileError, RequestError, SpecError
from minidl_core.plugins import loaded_plugins

pytestmark = pytest.mark.usefixtures("no_reports")


def begin(out: str = "run", steps: int | None = 5, **asked: Any) -> None:
    """A run that was stopped after so many steps, or none for one that is done."""
    asked = {"model": MODEL, "data": "disk(n=40)", "epochs": 4, "batch_size": 16, **asked}
    minidl_core.train(**asked, out=out, **({} if steps is None else {"stop": Stop(steps)}))


def refused(kind: type[MinidlError], message: str, folder: str = "run", **options: Any) -> None:
    before = contents(folder)
    with pytest.raises(kind) as raised:
        minidl_core.resume(folder, **options)
    assert raised.type is kind
    assert message in str(raised.value).replace(f"{Path.cwd()}/", "")
    assert "\n" not in str(raised.value)
    assert contents(folder) == before


def test_a_run_that_is_done() -> None:
    begin(steps=None)
    refused(RequestError, "the run in 'run' is done: 4 epochs; --epochs gives it more")
    refused(RequestError, "the run in 'run' is done: 4 epochs; --epochs gives it more", epochs=4)
    refused(RequestError, "the run in 'run' has done 4 epochs already, and 3 were asked for", epochs=3)
    assert minidl_core.resume("run", epochs=5).epochs == 5


@pytest.mark.parametrize("epochs", [0, -1, 2.5, "3", True])
def test_epochs_that_are_none(epochs: Any) -> None:
    begin()
    refused(RequestError, "epochs must be a whole number, at least 1, got", epochs=epochs)


def test_fewer_epochs_than_an_interrupted_run_has_done() -> None:
    begin(steps=8)
    refused(RequestError, "the run in 'run' has done 2 epochs already, and 1 were asked for", epochs=1)
    ended = minidl_core.resume("run", epochs=2)
    assert (ended.epochs, ended.interrupted, run_json("run")["state"]) == (2, False, "done")


def test_fewer_epochs_than_the_checkpoint_of_a_killed_run_has() -> None:
    begin(steps=8)
    edit("run", state="running", epochs=0)
    refused(RequestError, "the run in 'run' has done 2 epochs already, and 1 were asked for", epochs=1)
    assert minidl_core.resume("run").epochs == 4


def test_a_run_that_its_patience_ended() -> None:
    begin(steps=None, patience=1, epochs=50, optimizer="sgd(lr=3)", schedule="constant")
    done = run_json("run")["epochs"]
    assert done < 50
    refused(RequestError, f"the run in 'run' is done: its patience ended it after {done} of 50 epochs")
    refused(RequestError, "its patience ended it after", epochs=60)


def test_a_run_that_diverged() -> None:
    with pytest.raises(DivergedError):
        begin(model="linear(_,8)-relu-linear(8,_)", optimizer="sgd(lr=1e30)")
    refused(RequestError, "the run in 'run' diverged, and would again: the loss became ")
    refused(RequestError, "minidl train --config run --out FOLDER, with a smaller learning rate", epochs=100)


def test_a_folder_without_a_run() -> None:
    Path("run").mkdir()
    Path("run", "model.safetensors").write_text("mine")
    refused(ModelFileError, "there is no run in 'run': it has no run.json")
    refused(ModelFileError, "there is no run in 'absent': it has no run.json", folder="absent")
    with pytest.raises(
        ModelFileError, match=re.escape("cannot read 'run/model.safetensors/run.json': Not a directory")
    ):
        minidl_core.resume("run/model.safetensors")
    assert not Path("absent").exists()


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        (
            {"request__optimizer": "sgd(lr=0.5)"},
            ModelFileError,
            "is of another request than run.json beside it; what a",
        ),
        ({"request__batch_size": 8}, ModelFileError, "is of another request than run.json beside it"),
        ({"request__model": "linear(2,6)-relu-linear(6,2)"}, ModelFileError, "is of another request than run.json"),
        ({"request__seed": 1}, DataError, "the data, 'disk(n=40)', is not what it was when the run began"),
        ({"request__data": "disk(n=41)"}, DataError, "the data, 'disk(n=41)', is not what it was when the run began"),
        ({"request__data": "dsk(n=40)"}, SpecError, "did you mean 'disk'?"),
        ({"request__data": "absent.csv"}, DataError, "there is no file 'absent.csv'"),
        ({"request__data": "-"}, RequestError, "its data came from standard input or from memory"),
        ({"request__data": {"in_memory": "Table of 40 rows"}}, RequestError, "its data came from standard input or"),
        ({"request__surprise": 1}, ModelFileError, "its request has 'surprise', which this minidl does not know"),
        ({"request__model": ...}, ModelFileError, "its request lacks 'model'"),
        ({"request__epochs": ...}, ModelFileError, "'run/run.json' is not what minidl wrote: its request must have a "),
        ({"request__epochs": "4"}, ModelFileError, "its request must have a number of epochs, got '4'"),
        ({"request__model": 5}, ModelFileError, "its request is not one that minidl wrote (TypeError: "),
        ({"request__metrics": "f1"}, ModelFileError, "its metrics must be a list of specs, got 'f1'"),
        ({"request__l1": "0.1"}, RequestError, "l1 must be 0 or greater, and finite, got '0.1'"),
        ({"request__seed": "0"}, ModelFileError, "its request is not one that minidl wrote (TypeError: "),
        ({"request__seed": 10**19}, DataError, "is not what it was when the run began"),
        ({"request__threads": "many"}, ModelFileError, "is of another request than run.json beside it"),
        ({"request__batch_size": 10**19}, ModelFileError, "is of another request than run.json beside it"),
        ({"request__data": "x" * 5000 + ".csv"}, DataError, "there is no file 'xxx"),
        ({"request__rounds": 10**9}, RequestError, "rounds must be a whole number from 1 to 10000"),
        ({"request": []}, ModelFileError, "its request must be dict, got []"),
        ({"seeds": [0.5]}, ModelFileError, "its seeds must each be int, got [0.5]"),
        ({"warnings": [1]}, ModelFileError, "its warnings must each be str, got [1]"),
        ({"figures": {"train": [1]}}, ModelFileError, "its figures must be mean, std and values, by part and name"),
        ({"state": "tired"}, ModelFileError, "its state must be one of running, done, interrupted, diverged, got"),
        ({"data": ...}, ModelFileError, "the run: 'data' is missing"),
        ({"data": {}}, DataError, "is not what it was when the run began"),
        ({"more": 1}, ModelFileError, "the run: 'more' is not known here"),
        ({"format": "2"}, ModelFileError, "'run/run.json' has format '2', this minidl reads format '1'"),
        ({"providers": [{}]}, ModelFileError, "its providers must be a list of objects with texts"),
    ],
)
def test_a_run_json_that_was_edited(changes: dict[str, Any], kind: type[MinidlError], message: str) -> None:
    begin()
    edit("run", **changes)
    before = contents("run")
    with pytest.raises(kind, match=re.escape(message)):
        minidl_core.resume("run")
    assert contents("run") == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "'run/run.json' is no JSON: "),
        (b"\xff\xfe", "'run/run.json' is no JSON: "),
        (b"{", "'run/run.json' is no JSON: "),
        (b"[1]", "'run/run.json' must be a JSON object, got [1]"),
        (b"[" * 100_000, "'run/run.json' is no JSON: "),
        (b'{"format": "1", "seconds": ' + b"9" * 5000 + b"}", "a whole number of 5,000 digits, at most 300 are read"),
        (b'{"format": "\\ud800"}', "'run/run.json' is no JSON: "),
        (b" " * (2**26 + 1), "'run/run.json' is larger than any run.json that minidl writes"),
    ],
    ids=["empty", "no text", "cut off", "a list", "deep", "digits", "half a character", "huge"],
)
def test_a_run_json_that_is_none(content: bytes, message: str) -> None:
    begin()
    Path("run", "run.json").write_bytes(content)
    refused(ModelFileError, message)


def test_the_checkpoint_of_another_run() -> None:
    begin()
    begin("other", model="linear(_,5)-tanh-linear(5,_)")
    shutil.copy("other/checkpoint.safetensors", "run")
    refused(ModelFileError, "'run/checkpoint.safetensors' is of another request than run.json beside it")


def test_a_model_in_the_place_of_the_checkpoint() -> None:
    begin()
    shutil.copy("run/model.safetensors", "run/checkpoint.safetensors")
    refused(ModelFileError, "'run/checkpoint.safetensors' has format ")


@pytest.mark.parametrize("cut", [0, 1, 100, 5000])
def test_a_checkpoint_that_is_damaged(cut: int) -> None:
    begin()
    path = Path("run", "checkpoint.safetensors")
    path.write_bytes(path.read_bytes()[:cut])
    refused(ModelFileError, "'run/checkpoint.safetensors' is ")
    path.unlink()
    path.mkdir()
    refused(ModelFileError, "run/checkpoint.safetensors'")


def test_a_cell_of_the_data_that_has_changed() -> None:
    asked = request("everything")
    minidl_core.train(**asked, out="run", stop=Stop(3))
    rows = Path("table.csv").read_text().splitlines()
    cells = rows[7].split(",")
    Path("table.csv").write_text("\n".join([*rows[:7], ",".join(["0.5", *cells[1:]]), *rows[8:]]))
    refused(DataError, "the data, 'table.csv', is not what it was when the run began; begin another run, or bring back")
    Path("table.csv").write_text("\n".join([*rows[:7], ",".join([*cells[:-1], "another note"]), *rows[8:]]))
    assert not minidl_core.resume("run").interrupted  # of a column that nothing is learned from


def test_data_of_memory_can_be_trained_on_and_not_read_again() -> None:
    import polars as pl

    write_table("table.csv")
    frame = pl.read_csv("table.csv")
    minidl_core.train(MODEL, frame, target="kind", features="a,b", epochs=1, out="run", stop=Stop(1))
    assert run_json("run")["request"]["data"] == {"in_memory": "DataFrame of 60 rows"}
    refused(
        RequestError, "its data came from standard input or from memory, and cannot be read again; save it in a file"
    )


def test_a_plugin_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    if "adam" not in [one.name for one in minidl_core.plugins.registry().components("optimizer")]:
        pytest.skip("adam is not installed here")
    begin(optimizer="adam")
    monkeypatch.setenv("MINIDL_DISABLE_PLUGINS", "optim")
    loaded_plugins.cache_clear()
    try:
        refused(ModelFileError, "optimizer 'adam' came from minidl-optim ")
    finally:
        monkeypatch.undo()
        loaded_plugins.cache_clear()


def test_other_versions_than_then_are_told(caplog: pytest.LogCaptureFixture) -> None:
    begin()
    edit("run", versions__torch="1.0", versions__gone="2")
    minidl_core.resume("run")
    [told] = [
        one.getMessage() for one in caplog.records if "versions" in one.getMessage() or "then" in one.getMessage()
    ]
    assert told.startswith("numbers may differ by rounding, or more, from those of the run: torch 1.0 then, ")
    assert "gone 2 then, not there now" in told


@pytest.mark.parametrize("save_every", [0, -1, 1.5, "2", True])
def test_save_every_that_is_none(save_every: Any) -> None:
    begin()
    refused(RequestError, "save_every must be a whole number, at least 1, or None", save_every=save_every)


def test_nothing_of_a_request_is_run_or_shown() -> None:
    begin()
    for data in "/etc/passwd", "../../../etc/passwd", "/etc", "/dev/null":
        edit("run", request__data=data, working_directory="/")
        with pytest.raises(MinidlError) as raised:
            minidl_core.resume("run")
        assert "root:" not in str(raised.value)
        assert len(str(raised.value)) < 200


def test_a_spec_names_nothing_but_components() -> None:
    begin()
    for key in "model", "optimizer", "loss", "schedule":
        was = run_json("run")["request"][key]
        for name in "os.system", "__import__", "builtins.eval", "minidl_core.cli.main.run":
            edit("run", **{f"request__{key}": f"{name}('touch hacked')"})
            with pytest.raises(RequestError):
                minidl_core.resume("run")
        edit("run", **{f"request__{key}": was})
    assert not Path("hacked").exists()
    assert minidl_core.resume("run").epochs == 4


def test_a_seed_may_be_any_number() -> None:
    begin(seed=2**127)
    assert minidl_core.resume("run").trained.seeds == (2**127,)
