"""A whole training, from data to figures: many rounds as one computation."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from minidl_core.data.preprocessing import SCALES
from minidl_core.data.reading import Reading, Task
from minidl_core.data.rounds import RoundData
from minidl_core.data.toy import Dataset
from minidl_core.errors import DivergedError, RequestError
from minidl_core.losses import Loss
from minidl_core.metrics import Metric
from minidl_core.nn import Sequential
from minidl_core.optim import Optimizer
from minidl_core.schedules import Schedule
from minidl_core.seeding import round_seeds
from minidl_core.training.chosen_metrics import chosen_metrics
from minidl_core.training.defaults import default_optimizer, default_schedule
from minidl_core.training.diagnosis import Diagnosis
from minidl_core.training.early_stopping import EarlyStopping
from minidl_core.training.gradients import Gradients
from minidl_core.training.loop import fit
from minidl_core.training.round_data import SplitRequest, round_data, split_key
from minidl_core.training.run import Run, RunHooks
from minidl_core.training.statistics import Figure
from minidl_core.training.trained_model import TrainedModel
from minidl_core.training.untrained import for_training, untrained
from minidl_core.training.validation import Validation

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Training:
    """What a training gave."""

    trained: TrainedModel = field(repr=False)
    data: RoundData = field(repr=False)
    optimizer: Optimizer
    schedule: Schedule
    batch_size: int
    history: Tensor = field(repr=False)
    """The loss of each epoch done, `[epochs, *rounds]`."""
    validation_history: Tensor | None = field(repr=False)
    """The same on the validation part, after each epoch; None where there is none."""
    seconds: float
    """Wall time of the training loop."""
    train: dict[str, Figure]
    validation: dict[str, Figure] | None
    test: dict[str, Figure] | None
    interrupted: bool
    """Whether it ended before its last epoch for another reason than patience."""
    best_epochs: tuple[int, ...] | None
    """After how many epochs each round had the weights that it has now; None without patience."""

    @property
    def epochs(self) -> int:
        """How many epochs were done."""
        return len(self.history)


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
    on_epoch: Callable[[int, Tensor, Validation | None], Any] | None = None,
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
        out: the folder of the run, where plugins that write something write it; None, they write nothing.
        on_epoch: called after each epoch with its number, its loss of each round, `[*rounds]`, and the `Validation`,
            None where there is none; see `fit` for what it may return.
        stop: see `fit`.

    Raises:
        DivergedError: when the loss becomes NaN or infinite; its `training` is what there was before.
    """
    for name, value in ("epochs", epochs), ("batch_size", batch_size):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise RequestError(f"{name} must be a whole number, at least 1, got {value}")
    for name, given, known in ("dtype", dtype, tuple(DTYPES)), ("scaling", scaling, SCALES):
        if given not in known:
            raise RequestError(f"{name} must be one of {', '.join(known)}, got '{given}'")
    if class_weight not in (None, "balanced"):
        raise RequestError(f"class_weight must be 'balanced' or None, got '{class_weight}'")
    place = _device(device)
    seeds = round_seeds(operator.index(seed), _rounds(rounds, folds))  # a plain integer, of whatever kind it is given
    plan = Schedule.of(default_schedule(optimizer is not None) if schedule is None else schedule)
    updates = Optimizer.of(default_optimizer() if optimizer is None else optimizer)
    for name, base, component in ("optimizer", Optimizer, updates), ("schedule", Schedule, plan):
        if not isinstance(component, base):
            raise RequestError(f"{name} must be a {base.__name__} or the spec of one, got {component!r}")
    gradients = Gradients(clip_norm, l1, l2)
    if updates.steps:
        raise RequestError(f"{updates} has taken {updates.steps} steps before; give a new one, or its spec")
    key_is, key = split_key(split=split, group=group, time=time)
    data_of_rounds = round_data(
        data,
        Reading(target, task, features, drop, categorical, missing, weight, key, key_is),
        SplitRequest(
            test, test_fraction, validation, validation_fraction, folds, resplit, is_stopped=patience is not None
        ),
        seeds,
    )
    trained = untrained(
        model, loss, data_of_rounds, seeds, dtype=DTYPES[dtype], device=place, scaling=scaling, missing=missing
    )
    criterion = trained.loss
    measures = chosen_metrics(metrics, criterion, data_of_rounds.classes)
    examples = for_training(trained, data_of_rounds, class_weight)
    validated = None
    if data_of_rounds.validation is not None:
        validated = Validation(trained, data_of_rounds.validation, measures)
    diagnosis = Diagnosis(trained, updates, gradients, examples)
    early_stopping = None if patience is None else EarlyStopping(patience)

    def finished(history: Tensor, seconds: float) -> Training:
        return Training(
            trained,
            data_of_rounds,
            updates,
            plan,
            batch_size,
            history.cpu(),
            torch.stack(validated.losses).cpu() if validated and validated.losses else None,
            seconds,
            train=trained.evaluate(data_of_rounds.train, measures),
            validation=trained.evaluate(data_of_rounds.validation, measures) if data_of_rounds.validation else None,
            test=trained.evaluate(data_of_rounds.test, measures) if data_of_rounds.test else None,
            interrupted=len(history) < epochs and not (early_stopping is not None and early_stopping.has_ended),
            best_epochs=None if early_stopping is None else tuple(early_stopping.epochs.reshape(-1).tolist()),
        )

    hooks = RunHooks(
        Run(
            model=str(trained.model),
            data=str(data) if isinstance(data, str | Path | Dataset) else f"a table of {len(data)} rows",
            loss=str(criterion),
            optimizer=str(updates),
            schedule=str(plan),
            epochs=epochs,
            batch_size=batch_size,
            seeds=tuple(seeds),
            out=None if out is None else Path(out),
        )
    )

    def epoch_ended(epoch: int, losses: Tensor, _: Tensor) -> Any:
        hooks.epoch_end(epoch, losses, validated.loss if validated else None)
        return None if on_epoch is None else on_epoch(epoch, losses, validated)

    training: Training | None = None
    try:
        hooks.start()
        start = perf_counter()
        history = fit(
            trained.model,
            examples,
            criterion,
            updates,
            epochs=epochs,
            batch_size=batch_size,
            seeds=seeds,
            schedule=plan,
            gradients=gradients,
            early_stopping=early_stopping,
            watched=validated.epoch_ended if validated else None,
            threads=threads,
            capture=capture,
            diagnosis=diagnosis,
            on_epoch=epoch_ended if hooks.listening or on_epoch is not None else None,
            stop=stop,
        )
        diagnosis.ended(len(history))
        training = finished(history, perf_counter() - start)
    except DivergedError as error:
        diagnosis.explain(error)
        training = error.training = finished(error.history, perf_counter() - start)
        raise
    finally:
        hooks.end(training)
    return training


def _rounds(rounds: int | None, folds: int | None) -> int:
    """How many there are."""
    if folds is None:
        return 1 if rounds is None else rounds
    if type(folds) is not int or folds < 2:
        raise RequestError(f"folds must be a whole number, at least 2, got {folds!r}")
    if rounds is not None and rounds != folds:
        raise RequestError(f"{folds} folds are {folds} rounds, and not {rounds}; leave one of them out")
    return folds


def _device(name: str) -> torch.device:
    """The device of that name. Raises RequestError where it is none, or is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise RequestError(f"device must be cpu or cuda, got '{name}'")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RequestError(f"device '{name}': PyTorch sees {torch.cuda.device_count()} CUDA devices here; take cpu")
    return device
