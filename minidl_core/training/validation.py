"""How good a model is on the rows that are held out for validation, epoch after epoch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.metrics import Metric
from minidl_core.training.checkpoint.state import State, require_like
from minidl_core.training.statistics import Figure
from minidl_core.training.trained_model import TrainedModel


class Validation:
    """The loss after each epoch, `loss`, and a metric, `figure()`, which is computed where it is asked for.

    Args:
        metrics: those that the training is measured by; the metric is the first that was asked for, else the usual one.
    """

    def __init__(self, trained: TrainedModel, examples: Examples, metrics: Sequence[Metric]) -> None:
        self._trained, self._examples = trained, examples
        self._prepared = trained.prepared(examples)
        self.metric = next((one for one in metrics[1:] if not one.is_matrix), metrics[0])
        self.losses: list[Tensor] = []
        """Of each epoch, `[*rounds]`."""

    @property
    def loss(self) -> Tensor:
        """Of each round, `[*rounds]`, after the last epoch."""
        return self.losses[-1]

    def epoch_ended(self) -> Tensor:
        """Measure the loss of each round, `[*rounds]`."""
        self._output = self._trained.outputs(self._prepared.features)
        self.losses.append(self._trained.loss_of(self._output, self._prepared))
        return self.loss

    def state(self) -> State:
        return State({"losses": torch.stack(self.losses)} if self.losses else {}, {})

    def resume(self, state: State) -> None:
        values = self._trained.model.parameters.values
        losses = state.tensors["losses"] if state.tensors else values.new_empty(0, *values.shape[:-1])
        require_like("losses", losses[:0], values.new_empty(0, *values.shape[:-1]))
        self.losses = [*losses.to(values.device)]

    def figure(self) -> Figure:
        """The metric after the last epoch, over rounds."""
        figures = self._trained.figures([self.metric])
        self._trained.add_to(figures, self._output, self._prepared, self._examples)
        return figures.statistics()[str(self.metric)]
