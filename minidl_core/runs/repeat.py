"""A run, repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from torch import Tensor

from minidl_core.errors import DivergedError, RequestError
from minidl_core.persistence.strict_json import finite
from minidl_core.runs.again import as_it_was
from minidl_core.runs.compare import by_name
from minidl_core.runs.history import FILE_NAME, read_history
from minidl_core.runs.record import read_record
from minidl_core.training import Training, Validation


@dataclass(frozen=True)
class Number:
    """One that came out of a run, and again of its repetition; each of a loss is that of an epoch and a round."""

    name: str
    then: Any
    now: Any

    @property
    def is_same(self) -> bool:
        """Bit for bit."""
        return bool(self.then == self.now)


def repeat(
    folder: Path | str,
    on_epoch: Callable[[int, Tensor, Validation | None], Any] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Training, list[Number]]:
    """Train as a run was asked to, from the beginning, and compare; nothing is written.

    Raises RequestError for a run that has not ended, ModelFileError and DataError as `resume` does.
    """
    path = Path(folder)
    record = read_record(path)
    if record.state not in ("done", "diverged"):
        raise RequestError(
            f"the run in '{path}' has not ended; go on with it: minidl train --resume {quote(str(path))}"
        )
    experiment = as_it_was(record)
    try:
        training = experiment.run(on_epoch=on_epoch, stop=stop)
    except DivergedError as error:
        if error.training is None:
            raise
        training = error.training
    then, now = (by_name(figures) for figures in (record.figures, finite(training.figures_to_json())))
    found = [Number(name, *(of.get(name, {}).get("values") for of in (then, now))) for name in {**then, **now}]
    losses = read_history(path / FILE_NAME, experiment.trained.rounds)
    for name, losses_now in ("loss", training.history), ("validation_loss", training.validation_history):
        if losses_now is not None:
            pair = (one.reshape(-1).tolist() for one in (losses.get(name, losses_now[:0]), losses_now))
            found.append(Number(f"{name} of each epoch", *pair))
    return training, found
