"""What is told of a training on its way: a line now and then in a pipe, a bar on a terminal, or nothing."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from minidl_core import train
from minidl_core.cli import progress as progress_module
from minidl_core.cli.progress import progress
from minidl_core.training import Validation

TRAIN = ["train", "moons(n=200)", "--model", "linear(_,8)-tanh-linear(8,_)"]


@pytest.fixture
def validation() -> Validation:
    """That of two rounds, after an epoch."""
    seen: list[Validation] = []
    train(
        "linear(_,_)",
        "moons(n=40)",
        rounds=2,
        epochs=1,
        patience=1,
        on_epoch=lambda *reported: seen.append(reported[2]),
    )
    return seen[0]


def test_in_a_pipe_lines_come_after_some_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, validation: Validation
) -> None:
    now = iter([0.0, 60.0, 64.0, 71.0, 81.0])  # a minute until the first epoch has ended
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(now))
    loss = torch.tensor([0.25, 0.75])
    with progress(20) as on_epoch:
        for epoch in (1, 2, 3):
            on_epoch(epoch, loss, None)
        on_epoch(10, loss, validation)
    captured = capsys.readouterr()
    shown = (
        f"validation loss {validation.loss.mean():.4f} ± {validation.loss.std():.4f}, accuracy {validation.figure()}"
    )
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "epoch 2 of 20, loss 0.5000 ± 0.3536, 72 s left",
        f"epoch 10 of 20, loss 0.5000 ± 0.3536, {shown}, 23 s left",
    ]


def test_one_round_has_no_deviation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(progress_module, "SECONDS_BETWEEN_LINES", 0.0)
    with progress(2) as on_epoch:
        for epoch in (1, 2):
            on_epoch(epoch, torch.tensor(0.5), None)
    assert capsys.readouterr().err == "epoch 2 of 2, loss 0.5000, 0 s left\n"


@pytest.mark.parametrize(("metrics", "shown"), [((), "accuracy"), (("f1", "log_loss"), "f1")])
def test_the_metric_is_that_of_the_validation_part(metrics: tuple[str, ...], shown: str) -> None:
    seen: list[tuple[str, Any]] = []

    def on_epoch(_: int, __: Any, validation: Validation | None) -> None:
        assert validation is not None
        seen.append((str(validation.metric), validation.figure()))

    training = train(
        "linear(_,_)", "moons(n=40)", rounds=3, epochs=2, patience=9, metrics=metrics, loss="mse", on_epoch=on_epoch
    )
    assert training.validation is not None
    assert seen[-1] == (shown, training.validation[shown])


def on_a_terminal(*arguments: str, folder: Path, columns: int = 150) -> str:
    """What a command writes on standard error where that is a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    process = subprocess.Popen(
        [sys.executable, "-m", "minidl_core", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode())


def test_on_a_terminal_a_bar_shows_epoch_losses_and_the_time_left(tmp_path: Path) -> None:
    shown = on_a_terminal(*TRAIN, "--rounds", "3", "--epochs", "150", "--patience", "150", folder=tmp_path)
    loss, accuracy = r"\d\.\d{4} ± \d\.\d{4}", r"[01]\.\d{3} ± 0\.\d{3}"
    assert re.search(rf"epoch +\d+/150 .* left, loss {loss}, validation loss {loss}, accuracy {accuracy}", shown)


def test_on_a_narrow_terminal_the_losses_are_cut_off_and_nothing_else(tmp_path: Path) -> None:
    arguments = [*TRAIN, "--rounds", "3", "--epochs", "150", "--patience", "150"]
    shown = on_a_terminal(*arguments, folder=tmp_path, columns=80)
    assert re.search(r"epoch +\d+/150 .* \d:\d\d:\d\d left, loss \d.*…", shown)


def test_quiet_shows_nothing(tmp_path: Path) -> None:
    assert on_a_terminal(*TRAIN, "--epochs", "150", "--quiet", folder=tmp_path) == ""
