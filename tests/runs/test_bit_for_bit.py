"""A run of any kind can be repeated from what it says of itself, and goes on as if it had never stopped."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from run_folders import PARTS, assert_same_run, run_json
from run_requests import KINDS, MODEL, Stop, request
from small_trainings import OPTIMIZERS

import minidl_core
from minidl_core.runs.repeat import repeat

pytestmark = pytest.mark.usefixtures("no_reports")

NOT_ASKED = {"out", "save_every", "on_epoch", "stop"}
"""What says nothing of what is learned."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_every_kind(kind: str) -> None:
    asked = request(kind)
    whole = minidl_core.train(**asked, out="whole")
    record = run_json("whole")

    parameters = inspect.signature(minidl_core.train).parameters
    assert record["request"].keys() == parameters.keys() - NOT_ASKED
    again = minidl_core.train(**record["request"])
    assert torch.equal(again.trained.model.parameters.values, whole.trained.model.parameters.values)
    assert torch.equal(again.history, whole.history)
    assert [getattr(again, part) for part in PARTS] == [getattr(whole, part) for part in PARTS]
    assert again.best_epochs == whole.best_epochs

    _, numbers = repeat("whole")
    assert all(one.is_same for one in numbers)
    of_parts = {f"{part} {name}" for part in PARTS for name in getattr(whole, part) or {}}
    assert of_parts < {one.name for one in numbers}

    first = minidl_core.train(**asked, out="stopped", stop=Stop(3 + len(kind) % 5))
    assert first.interrupted
    assert run_json("stopped")["state"] == "interrupted"
    resumed = minidl_core.resume("stopped")
    assert not resumed.interrupted
    assert_same_run("stopped", "whole")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_with_every_optimizer_is_resumed_twice(optimizer: str) -> None:
    asked = {"model": MODEL, "data": "disk(n=40)", "epochs": 4, "batch_size": 16, "optimizer": optimizer, "rounds": 2}
    minidl_core.train(**asked, out="whole")
    minidl_core.train(**asked, out="stopped", stop=Stop(2))
    minidl_core.resume("stopped", stop=Stop(3))
    minidl_core.resume("stopped")
    assert_same_run("stopped", "whole")


def test_a_run_that_is_given_more_epochs_is_the_one_that_had_them_from_the_beginning() -> None:
    asked = {"model": MODEL, "data": "disk(n=40)", "optimizer": "sgd", "schedule": "constant"}
    minidl_core.train(**asked, epochs=6, out="whole")
    minidl_core.train(**asked, epochs=3, out="longer")
    minidl_core.resume("longer", epochs=6)
    assert_same_run("longer", "whole")
    assert run_json("longer")["request"]["epochs"] == 6


def test_a_schedule_of_the_whole_training_is_that_of_all_epochs_from_there_on() -> None:
    minidl_core.train(MODEL, "disk(n=40)", schedule="cosine", epochs=3, out="longer")
    longer = minidl_core.resume("longer", epochs=6)
    assert longer.epochs == 6
    assert Path("longer", "history.csv").read_text().count("\n") == 7


def test_a_run_without_a_checkpoint_begins_anew() -> None:
    asked = {"model": MODEL, "data": "disk(n=40)", "epochs": 3}
    minidl_core.train(**asked, out="whole")
    minidl_core.train(**asked, out="killed", stop=Stop(2))
    Path("killed", "checkpoint.safetensors").unlink()
    minidl_core.resume("killed")
    assert_same_run("killed", "whole")


def test_files_are_found_from_another_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request("a test file")
    minidl_core.train(**asked, out="whole")
    minidl_core.train(**asked, out="stopped", stop=Stop(3))
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    minidl_core.resume("../stopped")
    _, numbers = repeat("../stopped")
    assert all(one.is_same for one in numbers)
    assert_same_run("../stopped", "../whole")


def test_a_dataset_is_one_in_any_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    minidl_core.train(MODEL, "disk(n=40)", epochs=2, out="stopped", stop=Stop(1))
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert minidl_core.resume("../stopped").epochs == 2
