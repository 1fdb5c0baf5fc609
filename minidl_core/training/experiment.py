"""A whole training, from data to figures: many rounds as one computation."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from minidl_core.data.reading import Reading
from minidl_core.data.rounds import Examples, RoundData
from minidl_core.data.splits import By
from minidl_core.errors import DivergedError, RequestError
from minidl_core.optim import Optimizer
from minidl_core.schedules import Schedule
from minidl_core.seeding import round_seeds
from minidl_core.training.checkpoint import Keeper
from minidl_core.training.chosen_metrics import chosen_metrics
from minidl_core.training.defaults import default_optimizer, default_schedule
from minidl_core.training.diagnosis import Diagnosis
from minidl_core.training.early_stopping import EarlyStopping
from minidl_core.training.gradients import Gradients
from minidl_core.training.loop import fit
from minidl_core.training.request import DTYPES, Request
from minidl_core.training.round_data import SplitRequest, round_data, split_key
from minidl_core.training.run import Run, RunHooks
from minidl_core.training.statistics import Figure
from minidl_core.training.threads import threads_for_step, use_threads
from minidl_core.training.trained_model import TrainedModel
from minidl_core.training.untrained import for_training, untrained
from minidl_core.training.validation import Validation


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
    def parts(self) -> dict[str, dict[str, Figure]]:
        """The figures of each part of the data that there is, by its name: `train`, `validation`, `test`."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: figures for name, figures in parts.items() if figures}

    def figures_to_json(self) -> dict[str, dict[str, Any]]:
        """The same as JSON has them."""
        return {
            part: {name: figure.to_json() for name, figure in figures.items()} for part, figures in self.parts.items()
        }

    @property
    def epochs(self) -> int:
        """How many epochs were done."""
        return len(self.history)


class Experiment:
    """A training that is ready to begin: its data is read, its model built, and all that was left open is chosen."""

    def __init__(self, request: Request) -> None:
        self.request = request
        device = _device(request.device)
        # A plain integer, of whatever kind it is given.
        self.seeds = round_seeds(operator.index(request.seed), _rounds(request.rounds, request.folds))
        schedule = default_schedule(request.optimizer is not None) if request.schedule is None else request.schedule
        self.schedule = Schedule.of(schedule)
        self.optimizer = Optimizer.of(default_optimizer() if request.optimizer is None else request.optimizer)
        for name, base, component in (
            ("optimizer", Optimizer, self.optimizer),
            ("schedule", Schedule, self.schedule),
        ):
            if not isinstance(component, base):
                raise RequestError(f"{name} must be a {base.__name__} or the spec of one, got {component!r}")
        self._gradients = Gradients(request.clip_norm, request.l1, request.l2)
        if self.optimizer.steps:
            steps = self.optimizer.steps
            raise RequestError(f"{self.optimizer} has taken {steps} steps before; give a new one, or its spec")
        self.data = self._read()
        self.trained = untrained(
            request.model,
            request.loss,
            self.data,
            self.seeds,
            dtype=DTYPES[request.dtype],
            device=device,
            scaling=request.scaling,
            missing=request.missing,
        )
        self.metrics = chosen_metrics(request.metrics, self.trained.loss, self.data.classes)
        self._examples = for_training(self.trained, self.data, request.class_weight)
        self._validated = None
        if self.data.validation is not None:
            self._validated = Validation(self.trained, self.data.validation, self.metrics)
        self._diagnosis = Diagnosis(self.trained, self.optimizer, self._gradients, self._examples)
        self._early_stopping = None if request.patience is None else EarlyStopping(request.patience)

    @property
    def threads(self) -> int:
        """With how many all is computed."""
        if self.request.threads is not None:
            return self.request.threads
        examples = self._examples
        rows = examples.epoch_rows if isinstance(examples, Examples) else None
        return threads_for_step(self.trained.model.parameters, min(self.request.batch_size, rows or examples.rows))

    @property
    def validation_history(self) -> Tensor | None:
        """The loss of each epoch on the validation part, `[epochs, *rounds]`; None where there is none."""
        return torch.stack(self._validated.losses).cpu() if self._validated and self._validated.losses else None

    def run(
        self,
        out: Path | None = None,
        keeper: Keeper | None = None,
        on_epoch: Callable[[int, Tensor, Validation | None], Any] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Training:
        """Train. Raises DivergedError when the loss becomes NaN or infinite; its `training` is what there was before.

        Args:
            out: the folder of the run, for plugins that write something.
            keeper: of checkpoints, see `fit`.
            on_epoch, stop: see `minidl_core.train`.
        """
        start = None if keeper is None else keeper.start
        hooks = RunHooks(self._described(out, 0 if start is None else len(start["course"].tensors["history"])))
        validated = self._validated

        def epoch_ended(epoch: int, losses: Tensor, _: Tensor) -> Any:
            hooks.epoch_end(epoch, losses, validated.loss if validated else None)
            return None if on_epoch is None else on_epoch(epoch, losses, validated)

        training: Training | None = None
        try:
            hooks.start()
            began = perf_counter()
            history = fit(
                self.trained.model,
                self._examples,
                self.trained.loss,
                self.optimizer,
                epochs=self.request.epochs,
                batch_size=self.request.batch_size,
                seeds=self.seeds,
                schedule=self.schedule,
                gradients=self._gradients,
                early_stopping=self._early_stopping,
                watched=validated.epoch_ended if validated else None,
                threads=self.threads,
                capture=self.request.capture,
                diagnosis=self._diagnosis,
                on_epoch=epoch_ended if hooks.listening or on_epoch is not None else None,
                stop=stop,
                keeper=keeper,
                remembering={"diagnosis": self._diagnosis, **({"validation": validated} if validated else {})},
            )
            self._diagnosis.ended(len(history))
            training = self._ended(history, perf_counter() - began)
        except DivergedError as error:
            self._diagnosis.explain(error)
            training = error.training = self._ended(error.history, perf_counter() - began)
            raise
        finally:
            hooks.end(training)
        return training

    @property
    def fractions_held_out(self) -> dict[str, float | None]:
        """Of a table, for test and for validation; None where something else says what is held out, or nothing."""
        by, _ = self._key
        request, how = self.request, self._split.splitting(by)
        has_test = request.test is not None or request.folds is not None
        has_validation = request.validation is not None or not how.validation_fraction
        return {
            "test_fraction": request.test_fraction if has_test or by == "part" else how.test_fraction,
            "validation_fraction": request.validation_fraction
            if has_validation or by == "part"
            else how.validation_fraction,
        }

    def figures(self, trained: TrainedModel) -> dict[str, dict[str, Figure] | None]:
        """Those of a model that was trained so, on each part of the data; None for a part that is not there."""
        parts = {"train": self.data.train, "validation": self.data.validation, "test": self.data.test}
        with use_threads(self.threads):
            return {
                name: None if part is None else trained.evaluate(part, self.metrics) for name, part in parts.items()
            }

    @property
    def _key(self) -> tuple[By, str | None]:
        request = self.request
        return split_key(split=request.split, group=request.group, time=request.time)

    @property
    def _split(self) -> SplitRequest:
        request = self.request
        return SplitRequest(
            request.test,
            request.test_fraction,
            request.validation,
            request.validation_fraction,
            request.folds,
            request.resplit,
            is_stopped=request.patience is not None,
        )

    def _read(self) -> RoundData:
        request, (key_is, key) = self.request, self._key
        reading = Reading(
            request.target,
            request.task,
            request.features,
            request.drop,
            request.categorical,
            request.missing,
            request.weight,
            key,
            key_is,
        )
        return round_data(request.data, reading, self._split, self.seeds)

    def _described(self, out: Path | None, epochs_before: int) -> Run:
        return Run(
            model=str(self.trained.model),
            data=self.request.data_name,
            loss=str(self.trained.loss),
            optimizer=str(self.optimizer),
            schedule=str(self.schedule),
            epochs=self.request.epochs,
            batch_size=self.request.batch_size,
            seeds=tuple(self.seeds),
            out=out,
            epochs_before=epochs_before,
        )

    def _ended(self, history: Tensor, seconds: float) -> Training:
        stopping, figures = self._early_stopping, self.figures(self.trained)
        return Training(
            self.trained,
            self.data,
            self.optimizer,
            self.schedule,
            self.request.batch_size,
            history.cpu(),
            self.validation_history,
            seconds,
            train=figures["train"] or {},
            validation=figures["validation"],
            test=figures["test"],
            interrupted=len(history) < self.request.epochs and not (stopping is not None and stopping.has_ended),
            best_epochs=None if stopping is None else tuple(stopping.epochs.reshape(-1).tolist()),
        )


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
