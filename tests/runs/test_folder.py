"""The folder of a run: what is in it, and what becomes of it where it cannot be written."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from run_folders import contents, run_json
from run_requests import MODEL, Stop

import minidl_core
from minidl_core.cli.main import run
from minidl_core.errors import DivergedError, MinidlError, RequestError, SpecError, StorageError
from minidl_core.persistence import whole_file
from minidl_core.runs import recorded
from minidl_core.runs.folder import RunFolder
from minidl_core.training import load_model

FILES = {"run.json", "history.csv", "model.safetensors", "checkpoint.safetensors"}
ASKED: dict[str, Any] = {"model": MODEL, "data": "disk(n=40)", "epochs": 3, "batch_size": 16}

no_reports = pytest.mark.usefixtures("no_reports")


def files(folder: str | Path = "run") -> set[str]:
    return {name for name in contents(folder) if not name.startswith("tensorboard/")}


def test_it_has_these_files_alone() -> None:
    pytest.importorskip("matplotlib")
    minidl_core.train(**ASKED, out="run")
    assert files() == {*FILES, "report.html"}


@no_reports
def test_its_history_is_that_of_the_training() -> None:
    training = minidl_core.train(**ASKED, rounds=2, seed=7, patience=9, out="run")
    with Path("run", "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["round"], row["seed"]) for row in rows] == [
        (str(epoch), str(number + 1), str(7 + number)) for epoch in (1, 2, 3) for number in (0, 1)
    ]
    for name, expected in ("loss", training.history), ("validation_loss", training.validation_history):
        found = torch.tensor([float(row[name]) for row in rows], dtype=torch.float64)
        assert torch.equal(found.reshape(3, 2), expected.double())


@no_reports
def test_its_model_is_the_one_that_was_given() -> None:
    training = minidl_core.train(**ASKED, patience=1, out="run")
    assert torch.equal(load_model("run").model.parameters.values, training.trained.model.parameters.values)


@no_reports
def test_a_training_that_diverged_has_all_but_a_checkpoint() -> None:
    with pytest.raises(DivergedError) as raised:
        minidl_core.train("linear(_,8)-relu-linear(8,_)", "disk(n=40)", optimizer="sgd(lr=1e30)", out="run")
    assert files() >= FILES - {"checkpoint.safetensors"}
    record = run_json("run")
    assert (record["state"], record["problem"]) == ("diverged", str(raised.value))
    assert record["epochs"] == raised.value.training.epochs


@no_reports
@pytest.mark.parametrize(
    "asked",
    [{"model": "liner(2,2)"}, {"data": "dsk"}, {"data": "absent.csv"}, {"epochs": 0}, {"rounds": 0}, {"save_every": 0}],
)
def test_a_request_that_cannot_be_leaves_nothing(asked: dict[str, Any]) -> None:
    with pytest.raises(MinidlError):
        minidl_core.train(**{**ASKED, **asked}, out="a/b/run")
    assert list(Path.cwd().iterdir()) == []


@no_reports
def test_an_error_of_whoever_listens_leaves_what_there_was() -> None:
    def on_epoch(*_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        minidl_core.train(**ASKED, on_epoch=on_epoch, out="a/run")
    assert not Path("a").exists() or files("a/run") <= {"run.json"}
    with pytest.raises(ZeroDivisionError):
        minidl_core.train(
            **{**ASKED, "epochs": 9}, save_every=1, on_epoch=lambda epoch, *_: 1 // (3 - epoch), out="kept"
        )
    assert minidl_core.resume("kept").epochs == 9


@no_reports
def test_nothing_that_is_there_is_written_into() -> None:
    Path("file").write_text("mine")
    Path("folder").mkdir()
    Path("folder", "mine").write_text("mine")
    minidl_core.train(**ASKED, out="run")
    before = contents(".")
    for out, told in ("file", "'file' exists"), ("folder", "'folder' exists"), ("run", "'run' has a run already"):
        with pytest.raises(RequestError, match=told):
            minidl_core.train(**ASKED, out=out)
    assert contents(".") == before


@no_reports
def test_a_file_in_the_place_of_a_folder_above() -> None:
    Path("file").write_text("mine")
    with pytest.raises(StorageError, match=r"cannot make the folder '.*file/run': Not a directory"):
        minidl_core.train(**ASKED, out="file/run")
    assert Path("file").read_text() == "mine"


@no_reports
def test_an_empty_folder_is_taken() -> None:
    Path("run").mkdir()
    minidl_core.train(**ASKED, out="run")
    assert files() == FILES


@no_reports
@pytest.mark.filterwarnings("ignore::minidl_core.errors.PluginWarning")  # of a plugin that writes there too
def test_a_folder_that_goes_away_is_told_in_the_end_with_the_training() -> None:
    def on_epoch(epoch: int, *_: Any) -> None:
        if epoch == 1:
            shutil.rmtree("run")

    with pytest.raises(StorageError, match=r"cannot write '.*run/.*'") as raised:
        minidl_core.train(**ASKED, save_every=1, on_epoch=on_epoch, out="run")
    assert raised.value.training is not None
    assert raised.value.training.epochs == 3
    assert "accuracy" in raised.value.training.train


@no_reports
def test_a_checkpoint_that_cannot_be_written_is_told_and_the_next_one_counts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = []

    def write(*given: Any) -> None:
        kept.append(given)
        if len(kept) == 2:
            raise StorageError("cannot write 'checkpoint': No space left on device")
        write_checkpoint(*given)

    write_checkpoint = recorded.write_checkpoint
    monkeypatch.setattr(recorded, "write_checkpoint", write)
    minidl_core.train(**{**ASKED, "epochs": 5}, save_every=1, out="run")
    told = [one.getMessage() for one in caplog.records if "checkpoint" in one.getMessage()]
    assert told == ["cannot write 'checkpoint': No space left on device; the training goes on"]
    assert run_json("run")["state"] == "done"
    assert run_json("run")["warnings"] == told


@no_reports
@pytest.mark.parametrize("name", ["checkpoint.safetensors", "model.safetensors", "history.csv", "report.html"])
def test_a_last_file_that_cannot_be_written_is_an_error_with_all_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    def replace(temporary: Path, place: Path) -> None:
        if Path(place).name == name:
            raise OSError(28, "No space left on device")
        Path(temporary).rename(place)

    monkeypatch.setattr(recorded, "report_of", lambda *_: "a page")
    monkeypatch.setattr(whole_file.os, "replace", replace)
    code = run(["train", "disk(n=40)", "--model", MODEL, "--epochs", "2", "--out", "run", "--quiet"])
    out, err = capsys.readouterr()
    assert code == 1
    assert "accuracy" in out
    assert "saved in" not in out
    assert f"run/{name}': No space left on device" in err
    assert err.count("\n") == 1
    assert name not in files()


@no_reports
def test_the_folder_stays_the_same_wherever_the_process_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("elsewhere").mkdir()
    minidl_core.train(**ASKED, on_epoch=lambda *_: monkeypatch.chdir(tmp_path / "elsewhere"), out="run")
    assert files(tmp_path / "run") == FILES
    assert files(".") == set()


@no_reports
def test_a_spec_error_shows_its_carets_and_makes_no_folder() -> None:
    with pytest.raises(SpecError, match=r"\^\^\^"):
        minidl_core.train(**{**ASKED, "optimizer": "sdg(lr=1)"}, out="run")
    assert not Path("run").exists()


def test_without_matplotlib_there_is_no_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith(("matplotlib.", "minidl_core.pictures"))]:
        monkeypatch.delitem(sys.modules, name)
    code = run(["train", "disk(n=40)", "--model", MODEL, "--epochs", "1", "--out", "run"])
    out, err = capsys.readouterr()
    assert (code, files(), run_json("run")["warnings"]) == (0, FILES, [])
    assert out.endswith("\nsaved in run\n")
    assert err.startswith("minidl: no report.html: ")
    assert "pip install" in err
    assert err.count("\n") == 1
    assert run(["plot", "run"]) == 2
    assert "matplotlib" in capsys.readouterr().err


@no_reports
def test_a_run_that_is_stopped_in_its_first_step_is_kept() -> None:
    training = minidl_core.train(**ASKED, stop=Stop(1), out="run")
    assert (training.epochs, files()) == (0, FILES)
    assert minidl_core.resume("run").epochs == 3


@no_reports
def test_who_is_refused_a_folder_removes_nothing_of_whoever_holds_it(tmp_path: Path) -> None:
    folder, other = RunFolder.new(tmp_path / "run"), RunFolder.new(tmp_path / "run")
    with folder.created():
        (folder.path / "run.json").write_text("{}")
        with pytest.raises(StorageError, match="another minidl process is writing"), other.created():
            pass
        assert {one.name for one in folder.path.iterdir()} == {".lock", "run.json"}
    assert not folder.path.exists()  # nothing was kept in it
