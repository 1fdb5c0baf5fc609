"""A training that is resumed is one curve, whatever it had written before it was killed."""

from __future__ import annotations

import itertools

import pytest
import torch
from minidl_tensorboard import event_file, run_writer

import minidl_core

NAMES = [f"tensorboard/{name}" for name in ("seed-3", "seed-4", "mean")]


@pytest.fixture(autouse=True)
def at_each_epoch(monkeypatch):
    """All is written that there is when a training is killed."""
    monkeypatch.setattr(run_writer, "SECONDS_BETWEEN_FLUSHES", 0.0)


def killed_after(last):
    def on_epoch(epoch, *_):
        if epoch == last:
            raise KeyboardInterrupt

    return on_epoch


def train_until(last, out, **options):
    """Two rounds; nothing is kept of what comes after the last checkpoint, as if it were killed."""
    model = "linear(_,8)-tanh-linear(8,_)"
    request = {"rounds": 2, "epochs": 7, "seed": 3, "out": out, **options}
    with pytest.raises(KeyboardInterrupt):
        minidl_core.train(model, "moons(n=40)", on_epoch=killed_after(last), **request)


def assert_is_shown_once(training, curves):
    assert set(curves) == set(NAMES)
    for r, name in enumerate(NAMES[:2]):
        assert curves[name]["epoch/loss"] == list(enumerate(training.history[:, r].tolist(), 1))
    epochs = list(range(1, training.epochs + 1))
    for tag in "epoch/loss", "std/epoch/loss":
        assert [epoch for epoch, _ in curves[NAMES[2]][tag]] == epochs


def float32(value):
    return torch.tensor(value, dtype=torch.float64).float().item()


def test_epochs_that_come_again_are_shown_once(tmp_path, read):
    train_until(5, tmp_path, save_every=2)
    assert len(read(tmp_path)["tensorboard/seed-3"]["epoch/loss"]) == 5
    training = minidl_core.resume(tmp_path)
    curves = read(tmp_path)
    assert_is_shown_once(training, curves)
    for part, figures in ("train", training.train), ("test", training.test):
        for metric, figure in figures.items():
            for r, name in enumerate(NAMES[:2]):
                assert curves[name][f"final/{metric}/{part}"] == [(7, float32(figure.values[r]))]
            assert curves[NAMES[2]][f"final/{metric}/{part}"] == [(7, float32(figure.mean))]


def test_a_training_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path, read):
    train_until(3, tmp_path)
    assert not (tmp_path / "checkpoint.safetensors").exists()
    assert_is_shown_once(minidl_core.resume(tmp_path), read(tmp_path))


def test_fewer_epochs_than_were_written_before_are_all_that_is_shown(tmp_path, read):
    train_until(6, tmp_path, save_every=3)
    steps = itertools.count(1)  # moons(n=40) in batches of 32 has two steps an epoch
    training = minidl_core.resume(tmp_path, stop=lambda: next(steps) == 3)
    assert (training.interrupted, training.epochs) == (True, 4)
    assert_is_shown_once(training, read(tmp_path))


def test_a_training_is_resumed_again_and_again_while_the_clock_goes_back(tmp_path, read, monkeypatch):
    train_until(2, tmp_path, save_every=1)
    now = itertools.count(10**9, -1000)
    monkeypatch.setattr(event_file.time, "time", lambda: next(now))
    for last in 3, 4, 5, 6:
        with pytest.raises(KeyboardInterrupt):
            minidl_core.resume(tmp_path, save_every=2, on_epoch=killed_after(last))
    training = minidl_core.resume(tmp_path)
    assert_is_shown_once(training, read(tmp_path))
    assert len(list((tmp_path / "tensorboard" / "mean").iterdir())) == 6


def test_what_was_cut_off_while_it_was_written_costs_nothing_that_comes_after(tmp_path, read):
    train_until(5, tmp_path, save_every=2)
    for file in (tmp_path / "tensorboard").glob("*/*"):
        file.write_bytes(file.read_bytes()[:-7])
    assert len(read(tmp_path)["tensorboard/seed-3"]["epoch/loss"]) == 4
    assert_is_shown_once(minidl_core.resume(tmp_path), read(tmp_path))


def test_more_epochs_go_on_and_the_last_figures_are_those_of_all(tmp_path, read):
    request = {"rounds": 2, "epochs": 3, "seed": 3, "out": tmp_path}
    first = minidl_core.train("linear(_,8)-tanh-linear(8,_)", "moons(n=40)", **request)
    training = minidl_core.resume(tmp_path, epochs=5)
    curves = read(tmp_path)
    assert_is_shown_once(training, curves)
    for r, name in enumerate(NAMES[:2]):
        points = [(one.epochs, float32(one.test["loss"].values[r])) for one in (first, training)]
        assert curves[name]["final/loss/test"] == points
