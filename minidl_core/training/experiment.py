"""A whole training, from data to figures: many rounds as one computation."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidl_core.data import Dataset, MappedTable, Table, open_data
from minidl_core.data.rounds import RoundData, draw, separate, split
from minidl_core.data.source import open_data_like
from minidl_core.data.standardization import Moments, Standardization
from minidl_core.errors import DivergedError, RequestError, ShapeError
from minidl_core.losses import Loss
from minidl_core.nn import Sequential
from minidl_core.optim import Optimizer
from minidl_core.schedules import Schedule
from minidl_core.seeding import round_seeds
from minidl_core.spec import build_model
from minidl_core.training.after_epoch import OnEpoch
from minidl_core.training.early_stopping import EarlyStopping
from minidl_core.training.gradients import Gradients
from minidl_core.training.loop import fit
from minidl_core.training.run import Run, RunHooks
from minidl_core.training.statistics import Statistics
from minidl_core.training.trained_model import TrainedModel, output_sizes

TEST_FRACTION = VALIDATION_FRACTION = 0.2
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
    train: dict[str, Statistics]
    validation: dict[str, Statistics] | None
    test: dict[str, Statistics] | None
    interrupted: bool
    """Whether it ended before its last epoch for another reason than patience."""
    best_epochs: tuple[int, ...] | None
    """After how many epochs each round had the weights that it has now; None without patience."""

    @property
    def epochs(self) -> int:
        """How many epochs were done."""
        return len(self.history)


def train(
    model: Sequential | str,
    data: Dataset | Table | MappedTable | str | Path,
    *,
    target: str | None = None,
    task: str | None = None,
    test: Table | MappedTable | str | Path | None = None,
    test_fraction: float | None = None,
    validation_fraction: float | None = None,
    loss: Loss | str = "mse",
    optimizer: Optimizer | str = "sgd",
    schedule: Schedule | str = "constant",
    clip_norm: float | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    patience: int | None = None,
    epochs: int = 100,
    batch_size: int = 32,
    rounds: int = 1,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "cpu",
    threads: int | None = None,
    capture: bool = True,
    out: Path | str | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Training:
    """Train a model on data, in several rounds at once, and measure each round on data that it was not trained on.

    Round r is the run of its own with seed `seed + r`: its seed alone decides its data (the sample of a dataset, or the
    rows held out of a table), its first weights and its batches. Features are standardized with the mean and deviation
    of the round's training part, and so is a numeric target.

    Args:
        model: a spec, or layers; its weights are drawn anew.
        data: a dataset or its spec, `disk(n=500)`; a table, or the path of one, larger than memory perhaps as `.npy`.
        target: the column of the file to predict.
        task: `classification` or `regression`, where the file's target could be either.
        test: a table to test on, or its path. Without it a dataset draws a test sample of its own size, and of a table
            a part is held out.
        test_fraction: of that part; None takes a fifth.
        validation_fraction: of the rows that are not for test, the part that is not trained on either: its loss is what
            `patience` and schedules go by. None takes a fifth where there is a patience, else none; with 0 they go by
            the training loss. A dataset draws a validation sample of its own size where there is a patience and no 0.
        schedule: of the learning rate, or its spec.
        clip_norm, l1, l2: see `Gradients`. The losses that are told are without the penalties.
        patience: a round stops when its validation loss has not become less for so many epochs, and has what it had
            learned by its best one in the end. None trains all epochs.
        epochs, batch_size: how often all rows are used, and how many at once.
        dtype: `float32` or `float64`.
        device: `cpu`, or `cuda` for a GPU of NVIDIA's (`cuda:1` for the second), where all is computed.
        threads: None takes one for networks so small that more would lose, else all that torch has.
        capture: record the operations of a step and replay them; see `fit`.
        out: the folder of the run, where plugins that write something write it; None, they write nothing.
        on_epoch, stop: see `fit`.

    Raises:
        DivergedError: when the loss becomes NaN or infinite; its `training` is what there was before.
    """
    for name, value in ("epochs", epochs), ("batch_size", batch_size):
        if value is not None and value < 1:
            raise RequestError(f"{name} must be at least 1, got {value}")
    if dtype not in DTYPES:
        raise RequestError(f"dtype must be one of {', '.join(DTYPES)}, got '{dtype}'")
    place = _device(device)
    seeds = round_seeds(operator.index(seed), rounds)  # a plain integer, of whatever kind it is given
    criterion, updates, plan = Loss.of(loss), Optimizer.of(optimizer), Schedule.of(schedule)
    for name, base, given in ("loss", Loss, criterion), ("optimizer", Optimizer, updates), ("schedule", Schedule, plan):
        if not isinstance(given, base):
            raise RequestError(f"{name} must be a {base.__name__} or the spec of one, got {given!r}")
    gradients = Gradients(clip_norm, l1, l2)
    if updates.steps:
        raise RequestError(f"{updates} has taken {updates.steps} steps before; give a new one, or its spec")
    round_data = _round_data(data, target, task, test, test_fraction, validation_fraction, patience, seeds)
    trained = _untrained(model, round_data, criterion, seeds, DTYPES[dtype], place)
    examples = trained.prepare(round_data.train)
    validation = None if round_data.validation is None else trained.prepared(round_data.validation)
    validation_losses: list[Tensor] = []
    early_stopping = None if patience is None else EarlyStopping(patience)

    def finished(history: Tensor, seconds: float) -> Training:
        return Training(
            trained,
            round_data,
            updates,
            plan,
            batch_size,
            history.cpu(),
            torch.stack(validation_losses).cpu() if validation_losses else None,
            seconds,
            train=trained.evaluate(round_data.train),
            validation=trained.evaluate(round_data.validation) if round_data.validation else None,
            test=trained.evaluate(round_data.test) if round_data.test else None,
            interrupted=len(history) < epochs and not (early_stopping is not None and early_stopping.has_ended),
            best_epochs=None if early_stopping is None else tuple(early_stopping.epochs.reshape(-1).tolist()),
        )

    hooks = RunHooks(
        Run(
            model=str(trained.model),
            data=f"a table of {len(data)} rows" if isinstance(data, Table | MappedTable) else str(data),
            loss=str(criterion),
            optimizer=str(updates),
            schedule=str(plan),
            epochs=epochs,
            batch_size=batch_size,
            seeds=tuple(seeds),
            out=None if out is None else Path(out),
        )
    )

    def watched() -> Tensor:
        assert validation is not None
        validation_losses.append(trained.loss_on(validation))
        return validation_losses[-1]

    def epoch_ended(epoch: int, losses: Tensor, watched: Tensor) -> Any:
        hooks.epoch_end(epoch, losses, None if validation is None else watched)
        return None if on_epoch is None else on_epoch(epoch, losses, watched)

    training: Training | None = None
    try:
        hooks.start()
        start = time.perf_counter()
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
            watched=None if validation is None else watched,
            threads=threads,
            capture=capture,
            on_epoch=epoch_ended if hooks.listening or on_epoch is not None else None,
            stop=stop,
        )
        training = finished(history, time.perf_counter() - start)
    except DivergedError as error:
        training = error.training = finished(error.history, time.perf_counter() - start)
        raise
    finally:
        hooks.end(training)
    return training


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


def _round_data(
    data: Dataset | Table | MappedTable | str | Path,
    target: str | None,
    task: str | None,
    test: Table | MappedTable | str | Path | None,
    test_fraction: float | None,
    validation_fraction: float | None,
    patience: int | None,
    seeds: Sequence[int],
) -> RoundData:
    """The training, the validation and the test part of each round."""
    data = str(data) if isinstance(data, Path) else data
    if not isinstance(data, str) and (target or task):
        raise RequestError("a table and a dataset have their own target and task; leave both out")
    source = open_data(data, target, task) if isinstance(data, str) else data
    if not isinstance(source, Dataset | Table | MappedTable):
        raise RequestError(
            f"data must be a dataset, a minidl_core.Table, or the spec or the path of one; got {type(source).__name__}"
        )
    if isinstance(source, Dataset):
        if test is not None or test_fraction is not None or validation_fraction:
            raise RequestError("a dataset draws its own samples; leave test data, test and validation fraction out")
        return draw(source, seeds, validation=patience is not None and validation_fraction is None)
    if validation_fraction is None:
        validation_fraction = 0.0 if patience is None else VALIDATION_FRACTION
    if test is None:
        return split(source, TEST_FRACTION if test_fraction is None else test_fraction, seeds, validation_fraction)
    if test_fraction is not None:
        raise RequestError("test data and a test fraction exclude each other; leave one out")
    if isinstance(test, str | Path):
        test = open_data_like(str(test), source.feature_names, source.target_name, source.classes)
    return separate(source, test, seeds, validation_fraction)


def _untrained(
    model: Sequential | str, data: RoundData, loss: Loss, seeds: Sequence[int], dtype: torch.dtype, device: torch.device
) -> TrainedModel:
    """The model that fits the data, with new weights and the preprocessing of each round."""
    input_shape = (len(data.feature_names),)
    outputs = output_sizes(data.classes)
    if isinstance(model, str):
        model = build_model(model, input_shape, outputs)
    elif (given := model.output_shape(input_shape)) not in [(size,) for size in outputs]:
        raise ShapeError(f"the model gives {list(given)} but the data needs {' or '.join(map(str, outputs))} outputs")
    features, target = _scales(data)
    return TrainedModel(
        model.initialize(seeds, dtype=dtype, device=device),
        loss,
        data.feature_names,
        data.target_name,
        data.classes,
        features=features,
        target=target,
        seeds=tuple(seeds),
    )


def _scales(data: RoundData) -> tuple[Standardization, Standardization | None]:
    """Of the training part's features, and of its target where that is a value."""
    features: Moments | None = None
    target: Moments | None = None
    for piece in data.train.pieces():
        found = Moments.of(piece.features)
        features = features.joined(found) if features else found
        if data.classes is None:
            found = Moments.of(piece.target)
            target = target.joined(found) if target else found
    assert features is not None
    return Standardization.of(features), Standardization.of(target) if target else None
