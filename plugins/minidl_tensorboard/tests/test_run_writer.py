"""What TensorBoard reads is what the training gave."""

from __future__ import annotations

import gc
import json
import resource
import statistics
import threading

import pytest
import torch
from minidl_tensorboard import plugin, run_writer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import minidl_core
from minidl_core.errors import DivergedError, PluginWarning

MODEL = "linear(_,8)-tanh-linear(8,_)"


def train(**options):
    return minidl_core.train(MODEL, options.pop("data", "moons(n=40)"), **{"epochs": 7, "seed": 3, **options})


def float32(values):
    return torch.as_tensor(values, dtype=torch.float64).float().tolist()


@pytest.mark.parametrize("rounds", [1, 2, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pause", [0.0, 3600.0], ids=["written at each epoch", "written at once"])
def test_every_loss_of_every_round_is_read_back(tmp_path, read, monkeypatch, rounds, dtype, pause):
    monkeypatch.setattr(run_writer, "SECONDS_BETWEEN_FLUSHES", pause)
    training = train(rounds=rounds, dtype=dtype, out=tmp_path)
    curves = read(tmp_path)
    history = training.history.reshape(-1, rounds)
    names = [*(f"seed-{3 + r}" for r in range(rounds)), *(["mean"] if rounds > 1 else [])]
    assert set(curves) == {f"tensorboard/{name}" for name in names}
    for r in range(rounds):
        expected = list(zip(range(1, 8), float32(history[:, r]), strict=True))
        assert curves[f"tensorboard/seed-{3 + r}"]["epoch/loss"] == expected


def test_the_validation_losses_are_read_back(tmp_path, read):
    training = train(rounds=2, patience=100, out=tmp_path)
    curves = read(tmp_path)
    for r in range(2):
        expected = list(zip(range(1, 8), float32(training.validation_history[:, r]), strict=True))
        assert curves[f"tensorboard/seed-{3 + r}"]["epoch/validation_loss"] == expected
    assert [epoch for epoch, _ in curves["tensorboard/mean"]["std/epoch/validation_loss"]] == list(range(1, 8))


def test_final_figures_of_every_round_are_read_back(tmp_path, read):
    training = train(rounds=4, patience=100, out=tmp_path)
    curves = read(tmp_path)
    assert set(training.train) == {"loss", "accuracy"}
    for part, figures in ("train", training.train), ("validation", training.validation), ("test", training.test):
        for metric, figure in figures.items():
            for seed, value in zip(range(3, 7), float32(figure.values), strict=True):
                assert curves[f"tensorboard/seed-{seed}"][f"final/{metric}/{part}"] == [(7, value)]


def test_metrics_that_were_asked_for_are_read_back_but_for_matrices(tmp_path, read):
    weighted = 'f1(average="weighted")'
    training = train(rounds=2, out=tmp_path, metrics=[weighted, "confusion_matrix"])
    curves = read(tmp_path)
    for seed, value in zip((3, 4), float32(training.test[weighted].values), strict=True):
        assert curves[f"tensorboard/seed-{seed}"][f"final/{weighted}/test"] == [(7, value)]
    assert curves["tensorboard/mean"][f"final/{weighted}/test"] == [(7, *float32([training.test[weighted].mean]))]
    assert not [tag for tags in curves.values() for tag in tags if "confusion" in tag]


def test_mean_and_deviation_over_rounds(tmp_path, read):
    training = train(rounds=4, out=tmp_path)
    mean = read(tmp_path)["tensorboard/mean"]
    for epoch, losses in enumerate(training.history.tolist(), 1):
        assert mean["epoch/loss"][epoch - 1] == (epoch, pytest.approx(statistics.fmean(losses), rel=1e-6))
        assert mean["std/epoch/loss"][epoch - 1] == (epoch, pytest.approx(statistics.stdev(losses), rel=1e-5))
    for part, figures in ("train", training.train), ("test", training.test):
        for metric, figure in figures.items():
            assert mean[f"final/{metric}/{part}"] == [(7, *float32([figure.mean]))]
            assert mean[f"std/final/{metric}/{part}"] == [(7, *float32([figure.std]))]


@pytest.mark.parametrize(("rounds", "where"), [(1, "seed-3"), (3, "mean")])
def test_request_is_a_row_of_hyperparameters(tmp_path, rounds, where):
    train(rounds=rounds, out=tmp_path, loss="mse", optimizer="sgd(lr=0.05)", batch_size=16)
    written = EventAccumulator(str(tmp_path / "tensorboard" / where)).Reload()
    metadata = written.SummaryMetadata("_hparams_/session_start_info")
    start = HParamsPluginData.FromString(metadata.plugin_data.content).session_start_info
    assert start.group_name == str(tmp_path)
    assert {name: value.string_value or value.number_value for name, value in start.hparams.items()} == {
        "data": "moons(n=40)",
        "loss": "mse",
        "model": "linear(2,8)-tanh-linear(8,2)",
        "optimizer": "sgd(lr=0.05)",
        "schedule": "constant",
        "training.batch_size": 16,
        "training.epochs": 7,
        "training.rounds": rounds,
        "training.seed": 3,
    }


def test_interrupted_training_is_read_back(tmp_path, read):
    steps = iter(range(5))  # moons(n=40) in batches of 16 has three steps an epoch
    training = train(rounds=2, batch_size=16, stop=lambda: next(steps) == 4, out=tmp_path)
    assert (training.interrupted, training.epochs) == (True, 1)
    round_1 = read(tmp_path)["tensorboard/seed-4"]
    assert round_1["epoch/loss"] == [(1, training.history[0, 1].item())]
    assert round_1["final/loss/test"] == [(1, *float32([training.test["loss"].values[1]]))]


def test_diverged_training_is_read_back(tmp_path, read):
    options = {"loss": "mse", "optimizer": "sgd(lr=2)", "epochs": 500}
    with pytest.raises(DivergedError) as error:
        minidl_core.train("linear(_,8)-linear(8,_)", "moons(n=40)", out=tmp_path, **options)
    training, curves = error.value.training, read(tmp_path)["tensorboard/seed-0"]
    assert training.epochs > 0
    assert curves["epoch/loss"] == list(enumerate(float32(training.history), 1))
    assert [step for step, _ in curves["final/loss/test"]] == [training.epochs]


def test_training_that_fails_before_an_epoch_ended_leaves_no_folder(tmp_path):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(stop=stop, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_training_that_fails_later_is_readable_up_to_there(tmp_path, read):
    def on_epoch(epoch, *_):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(on_epoch=on_epoch, out=tmp_path)
    [(_, tags)] = read(tmp_path).items()
    assert {tag: [step for step, _ in points] for tag, points in tags.items()} == {"epoch/loss": [1, 2, 3]}


def test_what_is_written_can_be_read_while_the_training_goes_on(tmp_path, read, monkeypatch):
    monkeypatch.setattr(run_writer, "SECONDS_BETWEEN_FLUSHES", 0.0)
    seen = []
    train(on_epoch=lambda *_: seen.append(len(read(tmp_path)["tensorboard/seed-3"]["epoch/loss"])), out=tmp_path)
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(rounds=2)
    assert list(tmp_path.iterdir()) == []


def test_folder_stays_the_same_when_the_working_directory_changes(tmp_path, read, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    train(on_epoch=lambda *_: monkeypatch.chdir(tmp_path / "elsewhere"), out="run")
    assert len(read(tmp_path / "run")["tensorboard/seed-3"]["epoch/loss"]) == 7


def test_two_trainings_at_once_do_not_mix(tmp_path, read):
    trainings, both = {}, threading.Barrier(2)

    def one(seed):
        options = {"rounds": 2, "seed": seed, "on_epoch": lambda *_: both.wait(timeout=60)}
        trainings[seed] = train(out=tmp_path / str(seed), **options)

    threads = [threading.Thread(target=one, args=(seed,)) for seed in (10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in 10, 20:
        curves = read(tmp_path / str(seed))
        assert set(curves) == {f"tensorboard/{run}" for run in (f"seed-{seed}", f"seed-{seed + 1}", "mean")}
        for r in range(2):
            expected = list(enumerate(trainings[seed].history[:, r].tolist(), 1))
            assert curves[f"tensorboard/seed-{seed + r}"]["epoch/loss"] == expected


def test_many_rounds_are_few_files(tmp_path, read, capsys):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    threads = []
    try:
        options = {"rounds": 1000, "epochs": 3, "on_epoch": lambda *_: threads.append(threading.active_count())}
        training = train(data="moons(n=10)", out=tmp_path, **options)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert set(threads) == {threading.active_count()}
    line = (
        "minidl-tensorboard: writes the first 100 of 1000 rounds one by one, and mean and standard deviation over all\n"
    )
    assert capsys.readouterr() == ("", line)
    curves = read(tmp_path)
    assert len(curves) == 101
    for r in 0, 99:
        assert curves[f"tensorboard/seed-{3 + r}"]["epoch/loss"] == list(enumerate(training.history[:, r].tolist(), 1))
    assert curves["tensorboard/mean"]["epoch/loss"][2][1] == pytest.approx(training.history[2].mean().item(), rel=1e-6)
    assert curves["tensorboard/mean"]["final/loss/test"] == [(3, *float32([training.test["loss"].mean]))]


def assert_left_out(caught, reason):
    [warning] = [one for one in caught if one.category is PluginWarning]
    assert "plugin 'tensorboard' (minidl-tensorboard" in str(warning.message)
    assert f"is left out of the rest of this run: {reason}" in str(warning.message)


def test_file_in_the_way_costs_the_plugin_alone(tmp_path):
    def on_epoch(epoch, *_):
        if epoch == 1:
            (tmp_path / "tensorboard").rename(tmp_path / "moved")
            (tmp_path / "tensorboard").write_text("")

    with pytest.warns(PluginWarning) as caught:
        training = train(epochs=7, on_epoch=on_epoch, out=tmp_path)
    assert_left_out(caught, "minidl_run_end: NotADirectoryError: ")
    assert training.epochs == 7


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_run_that_is_resumed_goes_on_in_the_same_curves(tmp_path, read, rounds):
    def on_epoch(epoch, *_):
        asked.append(epoch)

    asked = []
    train(rounds=rounds, epochs=9, out=tmp_path, on_epoch=on_epoch, stop=lambda: len(asked) == 4)
    training = minidl_core.resume(tmp_path)
    curve = read(tmp_path)["tensorboard/seed-3"]["epoch/loss"]
    assert curve == list(zip(range(1, 10), float32(training.history.reshape(9, rounds)[:, 0]), strict=True))


def test_epochs_that_are_done_again_are_shown_once(tmp_path, read):
    training = train(epochs=5, out=tmp_path)
    (tmp_path / "checkpoint.safetensors").unlink()
    run = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**run, "state": "running", "epochs": 0}))
    minidl_core.resume(tmp_path)
    curve = read(tmp_path)["tensorboard/seed-3"]["epoch/loss"]
    assert curve == list(zip(range(1, 6), float32(training.history), strict=True))


def test_folder_that_goes_away_costs_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(run_writer, "SECONDS_BETWEEN_FLUSHES", 0.0)

    def on_epoch(epoch, *_):
        if epoch == 2:
            (tmp_path / "tensorboard").rename(tmp_path / "moved")

    with pytest.warns(PluginWarning) as caught:
        training = train(on_epoch=on_epoch, out=tmp_path)
    assert_left_out(caught, "minidl_epoch_end: FileNotFoundError: ")
    assert training.epochs == 7


FULL_DISK = """
from resource import RLIM_INFINITY, RLIMIT_FSIZE, setrlimit
import minidl_tensorboard.event_file as e, minidl_tensorboard.run_writer as w

def flush(file, flush=e.EventFile.flush):
    setrlimit(RLIMIT_FSIZE, (2000, RLIM_INFINITY))
    try:
        flush(file)
    finally:
        setrlimit(RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))

e.EventFile.flush, w.SECONDS_BETWEEN_FLUSHES = flush, 0
"""
"""For this plugin alone: the files of the run itself are larger."""


def test_full_disk_costs_the_rest_and_what_was_written_stays_readable(tmp_path, minidl, read):
    ran = minidl(
        *("train", "moons(n=40)", "--model", MODEL, "--epochs", "200", "--out", "run", "--json"),
        cwd=tmp_path,
        prelude=FULL_DISK,
    )
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert "is left out of the rest of this run: minidl_epoch_end: OSError: [Errno 27] File too large" in ran.stderr
    assert json.loads(ran.stdout)["epochs"] == 200
    steps = [step for step, _ in read(tmp_path / "run")["tensorboard/seed-0"]["epoch/loss"]]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) > 10


def test_nothing_is_remembered_of_a_training_that_ended_or_failed(tmp_path):
    train(out=tmp_path / "ended")
    with pytest.raises(ZeroDivisionError):
        train(out=tmp_path / "failed", on_epoch=lambda *_: 1 / 0)
    gc.collect()
    assert len(plugin._writers) == 0
