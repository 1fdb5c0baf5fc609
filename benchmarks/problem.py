"""A workload's data, first weights and batches, drawn by minidl and given alike to all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from benchmarks.workloads import Workload
from minidl_core import build_model
from minidl_core.data import open_data, read_table
from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples, draw
from minidl_core.data.standardization import Standardization
from minidl_core.losses import Loss
from minidl_core.nn import Linear, Sequential
from minidl_core.seeding import generator, round_seeds

DIGITS = Path(__file__).parents[1] / "examples" / "data" / "digits.csv"


@dataclass(frozen=True)
class Problem:
    """What every contestant starts from. Where there are several rounds, each tensor has them as its first axis."""

    workload: Workload
    examples: Examples
    """Features `[*rounds, N, F]`; targets labels `[*rounds, N]`, or one-hot `[*rounds, N, C]` for `mse`."""
    weights: list[tuple[Tensor, Tensor]]
    """Of each linear layer the weight `[*rounds, in, out]` and the bias `[*rounds, out]`."""
    orders: list[Tensor]
    """The rows in the order of each epoch, `[*rounds, N]`."""

    @property
    def device(self) -> torch.device:
        """Where all of it is."""
        return self.examples.features.device

    def to(self, device: str) -> Problem:
        """The same on a device."""
        features, target = self.examples.features.to(device), self.examples.target.to(device)
        weights = [(weight.to(device), bias.to(device)) for weight, bias in self.weights]
        return Problem(self.workload, Examples(features, target), weights, [order.to(device) for order in self.orders])

    @classmethod
    def of(cls, workload: Workload) -> Problem:
        examples = _examples(workload)
        weights = [
            (layer.weight.value.clone(), layer.bias.value.clone())
            for layer in new_model(workload).layers
            if isinstance(layer, Linear) and layer.bias is not None
        ]
        # Of one table without rounds, so that rows are numbered from 0 in each round.
        table = Examples(torch.empty(workload.rows, 1), torch.empty(workload.rows, 1))
        rounds = () if workload.rounds == 1 else (workload.rounds,)
        batches = Batches(table, workload.batch_size, round_seeds(0, workload.rounds), rounds)
        return cls(workload, examples, weights, [batches.order(epoch) for epoch in range(workload.epochs)])

    def member(self, index: int) -> Problem:
        """One round's part, without the axis of the rounds."""
        if self.workload.rounds == 1:
            return self
        return Problem(
            self.workload,
            Examples(self.examples.features[index], self.examples.target[index]),
            [(weight[index], bias[index]) for weight, bias in self.weights],
            [order[index] for order in self.orders],
        )

    def epoch_loss(self, losses: ArrayLike | Tensor) -> list[float]:
        """An epoch's mean loss of each round, from those of its steps, `[steps, *rounds]`."""
        losses = losses.cpu() if isinstance(losses, Tensor) else losses
        mean = np.average(np.asarray(losses, dtype=np.float64), axis=0, weights=self.workload.batch_rows)
        return [float(loss) for loss in np.atleast_1d(mean)]


def new_model(workload: Workload, device: torch.device | str = "cpu") -> Sequential:
    """minidl's model with its first weights."""
    return build_model(workload.spec).initialize(round_seeds(0, workload.rounds), device=device)


def _examples(workload: Workload) -> Examples:
    features, labels = _table(workload)
    features = Standardization.fit(features).apply(features).float()
    target = Loss.of(workload.loss).encode(labels, workload.sizes[-1], torch.float32)
    return Examples(features, target)


def _table(workload: Workload) -> tuple[Tensor, Tensor]:
    """Features and labels."""
    rows, inputs, outputs = workload.rows, workload.sizes[0], workload.sizes[-1]
    if workload.data == "disk":
        examples = draw(open_data(f"disk(n={rows})"), round_seeds(0, workload.rounds)).train
        return examples.features, examples.target
    if workload.data == "digits":
        table = read_table(str(DIGITS), "digit")
        return table.features[:rows], table.target[:rows]
    random = generator(0, "data")
    features = torch.randn(rows, inputs, generator=random)
    return features, (features @ torch.randn(inputs, outputs, generator=random)).argmax(-1)
