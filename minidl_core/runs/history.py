"""`history.csv`: the losses of each epoch and round."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidl_core.errors import ModelFileError
from minidl_core.persistence.whole_file import write_whole

FILE_NAME = "history.csv"


def write_history(path: Path, seeds: list[int], history: Tensor, validation_history: Tensor | None) -> None:
    """Write a heading, and a row for each epoch and round with its losses, of `[epochs, *rounds]`."""
    losses = {"loss": history} | ({} if validation_history is None else {"validation_loss": validation_history})
    numbers = [one.reshape(len(history), len(seeds)).tolist() for one in losses.values()]
    rows: list[list[Any]] = [
        [epoch + 1, number + 1, seed, *(one[epoch][number] for one in numbers)]
        for epoch in range(len(history))
        for number, seed in enumerate(seeds)
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["epoch", "round", "seed", *losses], *rows])
    write_whole(path, text.getvalue().encode())


def read_history(path: Path, rounds: tuple[int, ...]) -> dict[str, Tensor]:
    """The losses by name, `[epochs, *rounds]`, float64. Raises ModelFileError where they cannot be read."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            heading, *rows = csv.reader(file)
        numbers = torch.tensor([[float(cell) for cell in row] for row in rows], dtype=torch.float64)
        columns = numbers.reshape(-1, *rounds, len(heading)).movedim(-1, 0)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"cannot read '{path}': {error}") from None
    return {name: column for name, column in zip(heading, columns, strict=True) if name.endswith("loss")}
