"""A model with all that is needed to use it on new data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from minidl_core.data.rounds import Examples, MappedExamples
from minidl_core.data.standardization import Standardization
from minidl_core.errors import DataError, ShapeError
from minidl_core.losses import Loss
from minidl_core.metrics import predicted_classes
from minidl_core.nn import Sequential
from minidl_core.nn.member_by_member import for_rounds
from minidl_core.training.figures import Figures
from minidl_core.training.statistics import Statistics

ROWS_AT_ONCE = 10_000
MANY = 20


def output_sizes(classes: tuple[str, ...] | None) -> tuple[int, ...]:
    """How many outputs a model may have: one for a value, one for each class; two classes need but a single one."""
    if classes is None:
        return (1,)
    return (2, 1) if len(classes) == 2 else (len(classes),)


@dataclass(frozen=True)
class TrainedModel:
    """Layers, the loss that they were trained for, preprocessing, and the names of columns and classes."""

    model: Sequential
    loss: Loss
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...] | None
    """The names of the classes; None where the target is a value."""
    features: Standardization
    target: Standardization | None
    """How target values were scaled; None for classes."""
    seeds: tuple[int, ...]
    """The seed of each round."""

    @property
    def rounds(self) -> tuple[int, ...]:
        """The round axes: `()` or `(R,)`."""
        return self.model.parameters.rounds

    def prepare(self, examples: Examples | MappedExamples) -> Examples | MappedExamples:
        """Features and targets as the model and the loss take them; those of a mapped table whenever they are read."""
        return examples.each(self.prepared)

    def prepared(self, examples: Examples) -> Examples:
        """The same of rows that are in memory."""
        values = self.model.parameters.values
        inputs = self._inputs(examples.features)
        if self.target is not None:
            return Examples(inputs, self.target.apply(examples.target).to(values))
        [outputs] = self.model.output_shape(tuple(inputs.shape[-1:]))
        return Examples(inputs, self.loss.encode(examples.target.to(values.device), outputs, values.dtype))

    def evaluate(self, examples: Examples | MappedExamples) -> dict[str, Statistics]:
        """The loss, and accuracy (classes) or R² (values), of each round.

        Of a mapped table the loss is the mean of its pieces' losses by their rows, which for a loss that weighs its
        classes is not quite that of all rows at once.
        """
        figures = Figures(self.loss, is_value=self.classes is None)
        for piece in examples.pieces():
            prepared = self.prepared(piece)
            output = self._outputs(prepared.features)
            figures.add(output, self._for_each_round(prepared.target), self._for_each_round(piece.target))
        return figures.statistics()

    def loss_on(self, prepared: Examples) -> Tensor:
        """The loss of each round, `[*rounds]`, on examples as the model and the loss take them."""
        return self.loss.forward(self._outputs(prepared.features), self._for_each_round(prepared.target))

    def _inputs(self, features: Tensor) -> Tensor:
        """Features as the model takes them."""
        if features.shape[-1] != len(self.feature_names):
            expected = f"{len(self.feature_names)} features ({', '.join(self.feature_names[:MANY])})"
            raise ShapeError(f"the model takes {expected}, got {list(features.shape)}")
        return self.features.apply(features).to(self.model.parameters.values)

    def _outputs(self, inputs: Tensor) -> Tensor:
        """The model's outputs, of so many rows at a time that what its layers keep does not grow with the table."""
        model = for_rounds(self.model).eval()
        return torch.cat(
            [model.forward(part) for part in torch.split(inputs, max(1, ROWS_AT_ONCE // len(self.seeds)), -2)], -2
        )

    def _for_each_round(self, target: Tensor) -> Tensor:
        """A target, values `[*, N, F]` or labels `[*, N]`, with the model's round axes, where the model is."""
        own = 2 if target.is_floating_point() else 1
        return target.expand(*self.rounds, *target.shape[-own:]).to(self.model.parameters.values.device)

    def predict(self, features: Tensor, first_row: int = 0) -> list[str] | list[float]:
        """The class or the value for each row of features `[N, F]`: that of the mean output over all rounds.

        `first_row` is the number of the first of them where they are a part of a table, for errors.
        """
        output = self._outputs(self._inputs(features)).double().cpu()
        if not output.isfinite().all():
            row = int((~output.isfinite()).any(-1).reshape(-1, len(features)).any(0).long().argmax())
            given = features[row].tolist()[:MANY]
            raise DataError(f"row {first_row + row + 1} gives no finite output: {given}; correct or remove it")
        if self.target is not None:
            output = self.target.revert(output)
        output = output.mean(0) if self.rounds else output
        if self.classes is None:
            values: list[float] = output.squeeze(-1).tolist()
            return values
        return [self.classes[label] for label in predicted_classes(output, self.loss.decision_threshold).tolist()]
