"""A run that has ended, to be looked at again."""

from __future__ import annotations

from pathlib import Path

from minidl_core.runs.again import as_it_was
from minidl_core.runs.folder import RunFolder
from minidl_core.runs.history import read_history
from minidl_core.runs.record import Record, read_record
from minidl_core.training import Training, load_model


def training_of(folder: Path | str) -> tuple[Training, Record]:
    """What a run has given so far, with its data read again and its model from the file.

    Raises ModelFileError where there is no run with a model, and DataError where its data is not what it was.
    """
    place = RunFolder(Path(folder))
    record = read_record(place.path)
    experiment = as_it_was(record)
    trained = load_model(place.model)
    losses = read_history(place.history, trained.rounds)
    figures = experiment.figures(trained)
    best = record.best_epochs
    training = Training(
        trained,
        experiment.data,
        experiment.optimizer,
        experiment.schedule,
        experiment.request.batch_size,
        losses["loss"],
        losses.get("validation_loss"),
        record.seconds,
        train=figures["train"] or {},
        validation=figures["validation"],
        test=figures["test"],
        interrupted=record.state in ("interrupted", "running"),
        best_epochs=None if best is None else tuple(best),
    )
    return training, record
