"""A model with all that is needed to use it on new data."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from minidl_core.data import MappedTable, Table
from minidl_core.data.preprocessing import Preprocessing
from minidl_core.data.rounds import Examples, MappedExamples, examples_of
from minidl_core.data.source import open_features, open_table_like
from minidl_core.data.standardization import Standardization
from minidl_core.errors import DataError, ShapeError
from minidl_core.losses import Loss, loss_of
from minidl_core.metrics import Metric
from minidl_core.nn import Sequential
from minidl_core.nn.member_by_member import for_rounds
from minidl_core.training.chosen_metrics import chosen_metrics
from minidl_core.training.figures import Figures
from minidl_core.training.statistics import Figure
from minidl_core.training.threads import threads_for_step, use_threads

ROWS_AT_ONCE = 1000
"""Of all rounds, so few that what is computed on the way stays in a cache, and with one thread where it is little."""
MANY = 20


def output_sizes(classes: tuple[str, ...] | None, targets: int, loss: Loss | None) -> tuple[int, ...]:
    """How many outputs a model may have: one for each class, where two need but a single one; or as many as the loss
    takes for so many values, one each where none is chosen.
    """
    if classes is None:
        return (targets if loss is None else loss.outputs_for(targets),)
    return (2, 1) if len(classes) == 2 else (len(classes),)


@dataclass(frozen=True)
class TrainedModel:
    """Layers, the loss that they were trained for, preprocessing, and the names of columns and classes."""

    model: Sequential
    loss: Loss
    features: Preprocessing
    """The columns, and what becomes of them."""
    target_names: tuple[str, ...]
    classes: tuple[str, ...] | None
    """The names of the classes; None where the target is values."""
    target: Standardization | None
    """How target values were scaled, not at all where the loss wants them as they are; None for classes."""
    weight_name: str | None
    """The column that says how much each row counts; None where all do alike."""
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
        weight = None if examples.weight is None else examples.weight.to(values)
        if self.target is not None:
            target = self.target.apply(examples.target).to(values)
            self.loss.check_values(target)
        else:
            [outputs] = self.model.output_shape(tuple(inputs.shape[-1:]))
            target = self.loss.encode(examples.target.to(values.device), outputs, values.dtype)
        return replace(examples, features=inputs, target=target, weight=weight)

    def evaluate(self, data: Any, metrics: Sequence[Metric | str] = ()) -> dict[str, Figure]:
        """The loss, and accuracy (classes) or R² (values), of each round; and whatever metrics are given.

        Metrics of values are in the units of the target's column. Of a mapped table the loss is the mean of its pieces'
        losses by their rows, which for a loss that weighs its classes is not quite that of all rows at once.

        Args:
            data: the path of a file with the columns that the model was trained on, a frame of polars or pandas, an
                array with names; or a table, or rows of a training, `training.data.test`.

        Raises:
            RequestError: for a metric that does not fit the target or the loss.
            DataError: for columns that are lacking, and cells that are wrong.
        """
        examples = self._examples(data)
        figures = self.figures(chosen_metrics(metrics, self.loss, self.classes))
        with self._threads():
            for piece in examples.pieces():
                prepared = self.prepared(piece)
                self.add_to(figures, self.outputs(prepared.features), prepared, piece)
            return figures.statistics()

    def _examples(self, data: Any) -> Examples | MappedExamples:
        """The rows of whatever has the columns of the model, with the target."""
        if isinstance(data, Examples | MappedExamples):
            return data
        if not isinstance(data, Table | MappedTable):
            features = self.features
            names = (features.columns, self.target_names, self.classes)
            data = open_table_like(data, *names, features.missing, self.weight_name)
        return examples_of(data)

    def _read(self, data: Any) -> Tensor:
        """The features of a file or a frame, `[N, columns]`."""
        if isinstance(data, Table):
            return data.features
        _, features = open_features(
            data, self.features.columns, self.features.missing, [*self.target_names, self.weight_name]
        )
        return features

    def figures(self, metrics: Sequence[Metric]) -> Figures:
        """The loss and these metrics, of no rows yet."""
        return Figures(self.loss, metrics, self.target)

    def add_to(self, figures: Figures, outputs: Tensor, prepared: Examples, given: Examples) -> None:
        """Add the outputs for some rows, which are also as the model and the loss take them."""
        target, own = self._for_each_round(prepared.target), self._for_each_round(given.target)
        figures.add(outputs, target, own, self._weight_in_each_round(prepared))

    def loss_of(self, outputs: Tensor, prepared: Examples) -> Tensor:
        """The loss of each round, `[*rounds]`, of the outputs for rows as the model and the loss take them."""
        target = self._for_each_round(prepared.target)
        return loss_of(self.loss, outputs, target, self._weight_in_each_round(prepared))

    def sample(self, prepared: Examples | MappedExamples, rows: int) -> Examples:
        """So many rows of each round at most, with the model's round axes; of a mapped table from its first piece."""
        some = next(iter(prepared.pieces())).spread(rows)
        features = some.features.expand(*self.rounds, *some.features.shape[-2:]).contiguous()
        return Examples(features, self._for_each_round(some.target).contiguous())

    def _inputs(self, features: Tensor) -> Tensor:
        """Features as the model takes them."""
        names = self.features.names
        if features.shape[-1] != len(names):
            expected = f"{len(names)} features ({', '.join(names[:MANY])})"
            raise ShapeError(f"the model takes {expected}, got {list(features.shape)}")
        values = self.model.parameters.values
        return self.features.apply(features, values.dtype).to(values.device)

    def outputs(self, inputs: Tensor) -> Tensor:
        """The model's outputs, `[*rounds, N, F]`, of so many rows at a time that what layers keep stays small."""
        model = for_rounds(self.model).eval()
        with self._threads():
            return torch.cat([model.forward(part) for part in torch.split(inputs, self._rows_at_once, -2)], -2)

    @property
    def _rows_at_once(self) -> int:
        return max(1, ROWS_AT_ONCE // len(self.seeds))

    def _threads(self) -> AbstractContextManager[None]:
        """As many as so many rows are worth; where they are few, each would wait for what else runs on its core."""
        return use_threads(threads_for_step(self.model.parameters, self._rows_at_once))

    def _for_each_round(self, target: Tensor) -> Tensor:
        """A target, values `[*, N, F]` or labels `[*, N]`, with the model's round axes, where the model is."""
        own = 2 if target.is_floating_point() else 1
        return target.expand(*self.rounds, *target.shape[-own:]).to(self.model.parameters.values.device)

    def _weight_in_each_round(self, examples: Examples) -> Tensor | None:
        """How much each row counts, `[*rounds, N]`."""
        return None if examples.weight is None else examples.weight.expand(*self.rounds, examples.rows)

    @property
    def predicted_names(self) -> tuple[str, ...]:
        """What `predict` gives for each row: the targets' names, with more behind where the loss says more of each."""
        if self.classes is not None:
            return self.target_names
        nothing = torch.zeros(1, self.loss.outputs_for(len(self.target_names)))
        parts = [one.name for one in self.loss.predictions(nothing)]
        return tuple(f"{target} {part}".rstrip() for target in self.target_names for part in parts)

    def predict(self, data: Any, first_row: int = 0) -> list[str] | list[float] | list[list[float]]:
        """The class, the value, or the values that `predicted_names` names, for each row: the mean over all rounds.

        Args:
            data: the path of a file, a frame of polars or pandas, or an array with names, with the columns that the
                model was trained on, in whatever order; or the numbers of these columns, `[N, columns]`, see `Column`.
            first_row: the number of the first row where they are a part of a table, for errors.
        """
        features = data if isinstance(data, Tensor) else self._read(data)
        output = self.outputs(self._inputs(features)).double().cpu()
        if not output.isfinite().all():
            row = int((~output.isfinite()).any(-1).reshape(-1, len(features)).any(0).long().argmax())
            given = features[row].tolist()[:MANY]
            raise DataError(f"row {first_row + row + 1} gives no finite output: {given}; correct or remove it")
        if self.classes is None:
            columns = self._said_of_targets(output)
            values: list[float] = (columns.squeeze(-1) if columns.shape[-1] == 1 else columns).tolist()
            return values
        output = output.mean(0) if self.rounds else output
        return [self.classes[label] for label in self.loss.scores(output).argmax(-1).tolist()]

    def _said_of_targets(self, output: Tensor) -> Tensor:
        """What outputs `[*rounds, N, F]` say of each target, in its own units, `[N, columns]`: the mean over rounds."""
        assert self.target is not None
        said = [
            one.values * self.target.std if one.is_distance else self.target.revert(one.values)
            for one in self.loss.predictions(output)
        ]
        columns = torch.stack(said, -1).flatten(-2)
        return columns.mean(0) if self.rounds else columns
