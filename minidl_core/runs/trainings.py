"""Trainings that are asked for, with the folder that they write, and those that go on in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from shlex import quote
from typing import Any

from torch import Tensor

from minidl_core.data.reading import Task
from minidl_core.errors import RequestError
from minidl_core.losses import Loss
from minidl_core.metrics import Metric
from minidl_core.nn import Sequential
from minidl_core.optim import Optimizer
from minidl_core.runs.again import as_it_was
from minidl_core.runs.checkpoint_file import epochs_begun, read_checkpoint
from minidl_core.runs.folder import RunFolder
from minidl_core.runs.record import Record, read_record
from minidl_core.runs.recorded import Recorded
from minidl_core.schedules import Schedule
from minidl_core.training import Experiment, Request, Training, Validation

OnEpoch = Callable[[int, Tensor, Validation | None], Any]


def train(
    model: Sequential | str | None,
    data: Any,
    *,
    target: str | Sequence[str] = (),
    task: Task | None = None,
    features: str | Sequence[str] = (),
    drop: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    missing: str | None = None,
    scaling: str = "standardize",
    weight: str | None = None,
    class_weight: str | None = None,
    test: Any = None,
    test_fraction: float | None = None,
    validation: Any = None,
    validation_fraction: float | None = None,
    split: str | None = None,
    group: str | None = None,
    time: str | None = None,
    folds: int | None = None,
    resplit: bool = True,
    loss: Loss | str | None = None,
    optimizer: Optimizer | str | None = None,
    schedule: Schedule | str | None = None,
    metrics: Sequence[Metric | str] = (),
    clip_norm: float | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    patience: int | None = None,
    epochs: int = 100,
    batch_size: int = 32,
    rounds: int | None = None,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "cpu",
    threads: int | None = None,
    capture: bool = True,
    out: Path | str | None = None,
    save_every: int | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Training:
    """Train a model on data, in several rounds at once, and measure each round on data that it was not trained on.

    Round r is the run of its own with seed `seed + r`: its seed alone decides its data (the sample of a dataset, or the
    rows held out of a table), its first weights and its batches. What becomes of the columns is fitted on the round's
    training part, and so is the scale of a numeric target, its mean and deviation.

    Args:
        model: a spec, or layers, whose weights are drawn anew; None takes `defaults.default_model`.
        data: a dataset or its spec, `disk(n=500)`; the path of a file, larger than memory perhaps as `.npy`; a frame of
            polars or pandas, an array of NumPy's, a `Table`.
        target: the column to predict, or several of numbers.
        task: `classification` or `regression`, where the target could be either.
        features, drop, categorical: the columns to predict from (else all others), those to leave out, those of numbers
            that are categories.
        missing: `median`, `mean` or `most_frequent` of the training part fills in missing cells (of booleans and
            categories always the most frequent), `drop` leaves rows with any out; None refuses them.
        scaling: of numbers: `standardize`, `min_max` or `none`.
        weight: the column that says how much each row counts, in the loss and in the metrics.
        class_weight: `balanced` lets all classes count the same in training.
        test, validation: data to test on, and to validate on, with the same columns. Without test data a dataset
            draws a sample of its own size, and of a table a part is held out.
        test_fraction: of that part; None takes a fifth.
        validation_fraction: of the rows that are not for test, the part that is not trained on either: its loss is what
            `patience` and schedules go by. None takes a fifth where there is a patience, else none; with 0 they go by
            the training loss. A dataset draws a validation sample of its own size where there is a patience and no 0.
        split: the column that says `train`, `validation` or `test` for each row.
        group: the column whose groups of equal cells are never parted; each round holds others out.
        time: the column of dates or numbers by which the last rows are for test, those before them for validation.
        folds: so many rounds, of which each tests on another part of the rows.
        resplit: whether each round draws a split of its own, or all have the first one's.
        loss: None takes `defaults.default_loss`.
        optimizer: None takes `defaults.default_optimizer`.
        schedule: of the learning rate, or its spec; None takes `defaults.default_schedule`.
        metrics: what to measure beside the loss and accuracy (classes) or R² (values): `["f1", "roc_auc"]`.
        clip_norm, l1, l2: see `Gradients`. The losses that are told are without the penalties.
        patience: a round stops when its validation loss has not become less for so many epochs, and has what it had
            learned by its best one in the end. None trains all epochs.
        epochs, batch_size: how often all rows are used, and how many at once.
        rounds: None takes one, or as many as there are folds.
        dtype: `float32` or `float64`.
        device: `cpu`, or `cuda` for a GPU of NVIDIA's (`cuda:1` for the second), where all is computed.
        threads: None takes one for networks so small that more would lose, else all that torch has.
        capture: record the operations of a step and replay them; see `fit`.
        out: a new folder, which the run writes: see `docs/runs.md`. None writes nothing.
        save_every: keep a checkpoint in it after each so many epochs; None after those that end ten seconds or more
            after the last one was kept. One is kept in the end in any case, and when the training is stopped.
        on_epoch: called after each epoch with its number, its loss of each round, `[*rounds]`, and the `Validation`,
            None where there is none; see `fit` for what it may return.
        stop: see `fit`.

    Raises:
        RequestError: for what cannot be, and where `out` is there already.
        StorageError: where a file of the folder cannot be written.
        DivergedError: when the loss becomes NaN or infinite; its `training` is what there was before.
    """
    given = locals()
    request = Request(**{field.name: given[field.name] for field in fields(Request)})
    if out is None:
        return Experiment(request).run(on_epoch=on_epoch, stop=stop)
    folder = RunFolder.new(Path(out))
    experiment = Experiment(request)
    with folder.created():
        return Recorded.begun(folder, experiment).run(save_every, on_epoch, stop)


def resume(
    folder: Path | str,
    *,
    epochs: int | None = None,
    save_every: int | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Training:
    """Go on with a run that was interrupted, killed, or is to have more epochs: bit for bit as if it had never stopped.

    So it is on the same machine, with the same versions of all packages; of others the numbers may differ by rounding,
    and a warning says which. A run without a checkpoint begins anew.

    Args:
        folder: of the run.
        epochs: of all of it; None for those that were asked for. A schedule that goes by the whole training, such as
            `cosine`, is then that of so many epochs from there on.
        save_every, on_epoch, stop: see `train`.

    Raises:
        RequestError: where nothing is left to do, and for data that cannot be read again.
        DataError: where the data is not what it was.
        ModelFileError: for a folder that has no run, or one of components that are not here.
        StorageError: where another process writes it.
    """
    place = RunFolder(Path(folder))
    read_record(folder)  # before a lock is made where there is no run
    with place.opened():
        record = read_record(place.path)
        record.request["epochs"] = _epochs(record, place, epochs)
        experiment = as_it_was(record)
        start, seconds = None, 0.0
        if place.has_checkpoint:
            start, seconds = read_checkpoint(place.checkpoint, record.request)
            _require_more(place, epochs_begun(start), record.request["epochs"])
        return Recorded(place, experiment, record, start, seconds).run(save_every, on_epoch, stop)


def _epochs(record: Record, place: RunFolder, wished: int | None) -> int:
    """How many epochs the run is to have. Raises RequestError where none is left."""
    asked: int = record.request["epochs"]
    if record.state == "diverged":
        raise RequestError(
            f"the run in '{place.name}' diverged, and would again: {record.problem.partition(';')[0]}; begin another: "
            f"minidl train --config {quote(place.name)} --out FOLDER, with a smaller learning rate"
        )
    if wished is not None and (type(wished) is not int or wished < 1):
        raise RequestError(f"epochs must be a whole number, at least 1, got {wished!r}")
    if record.state == "done" and record.epochs < asked:
        raise RequestError(
            f"the run in '{place.name}' is done: its patience ended it after {record.epochs} of {asked} epochs"
        )
    if record.state == "done" and wished in (None, record.epochs):
        raise RequestError(f"the run in '{place.name}' is done: {record.epochs} epochs; --epochs gives it more")
    if wished is not None:
        _require_more(place, record.epochs, wished)
    return asked if wished is None else wished


def _require_more(place: RunFolder, done: int, wished: int) -> None:
    if wished < done:
        raise RequestError(f"the run in '{place.name}' has done {done} epochs already, and {wished} were asked for")
