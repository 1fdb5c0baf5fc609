"""A model that fits the data, before its first step: built, with new weights, and with what becomes of the columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from minidl_core.data.preprocessing import Preprocessing, require_scaled
from minidl_core.data.rounds import Examples, MappedExamples, RoundData
from minidl_core.data.standardization import Moments, Standardization
from minidl_core.errors import RequestError, ShapeError
from minidl_core.losses import Loss
from minidl_core.nn import Sequential
from minidl_core.spec import build_model
from minidl_core.training.defaults import default_loss, default_model, warn_of_last_layer
from minidl_core.training.trained_model import TrainedModel, output_sizes

SQUARED = 1e112
"""Targets so many times the greatest float32 have squares, which metrics add up in float64."""


def untrained(
    model: Sequential | str | None,
    loss: Loss | str | None,
    data: RoundData,
    seeds: Sequence[int],
    *,
    dtype: torch.dtype,
    device: torch.device,
    scaling: str,
    missing: str | None,
) -> TrainedModel:
    """The model, or the one that is taken where there is none, for data of so many columns and classes."""
    inputs = sum(column.width for column in data.columns)
    criterion = None if loss is None else Loss.of(loss)
    if not isinstance(criterion, Loss | None):
        raise RequestError(f"loss must be a Loss or the spec of one, got {criterion!r}")
    outputs = output_sizes(data.classes, len(data.target_names), criterion)
    if isinstance(model, str | None):
        spec = default_model(inputs, outputs[0], criterion) if model is None else model
        model = build_model(spec, (inputs,), outputs)
    elif (given := model.output_shape((inputs,))) not in [(size,) for size in outputs]:
        raise ShapeError(f"the model gives {list(given)} but the data needs {' or '.join(map(str, outputs))} outputs")
    if criterion is None:
        criterion = Loss.of(default_loss(data.classes, model, inputs))
    if data.classes is None and criterion.is_of_classes:
        raise RequestError(
            f"loss {criterion} is of classes, and the target is values; take mse, mae or another of values"
        )
    warn_of_last_layer(criterion, model)
    scale = _target_scale(data.train, criterion) if data.classes is None else None
    if scale is not None:
        _require_scaled(scale, data.train, data.target_names)
    return TrainedModel(
        model.initialize(seeds, dtype=dtype, device=device),
        criterion,
        _preprocessing(data, scaling, missing),
        data.target_names,
        data.classes,
        scale,
        data.weight_name,
        tuple(seeds),
    )


def weighted_by_class(examples: Examples | MappedExamples, classes: Sequence[str]) -> Examples | MappedExamples:
    """Each row counts N / (K n) times as much, of N rows in K classes and n in its own: so all classes count the same.

    As scikit-learn's "balanced". Source: King and Zeng 2001, Logistic regression in rare events data, eq. 10.
    """
    counts = torch.zeros(())
    for piece in examples.pieces():
        labels = piece.target.unsqueeze(-1) == torch.arange(len(classes))
        if piece.counts is not None:
            labels &= (torch.arange(piece.rows) < torch.tensor(piece.counts).unsqueeze(-1)).unsqueeze(-1)
        counts = counts + labels.sum(-2)
    of_rows, of_classes = counts.sum(-1, keepdim=True), (counts > 0).sum(-1, keepdim=True)
    weights = torch.where(counts > 0, of_rows / (of_classes * counts.double()), 0.0)  # [*rounds, K]

    def weighted(part: Examples) -> Examples:
        own = weights.expand(*part.target.shape[:-1], len(classes)).gather(-1, part.target)
        return replace(part, weight=own if part.weight is None else part.weight * own)

    return examples.each(weighted)


def _preprocessing(data: RoundData, scaling: str, missing: str | None) -> Preprocessing:
    """Of each round's training rows."""
    train = data.train
    if isinstance(train, Examples) and train.counts is not None:
        rounds = [train.of_round(number).features for number in range(len(train.counts))]
        return Preprocessing.joined([Preprocessing.fit(data.columns, [rows], scaling, missing) for rows in rounds])
    return Preprocessing.fit(data.columns, (piece.features for piece in train.pieces()), scaling, missing)


def _target_scale(train: Examples | MappedExamples, loss: Loss) -> Standardization:
    """The mean and the deviation of numeric targets, in each round's training rows; 0 and 1 for a loss of their own."""
    if not loss.scales_target:
        like = next(iter(train.pieces())).target[..., :1, :].double()
        return Standardization(torch.zeros_like(like), torch.ones_like(like))
    if isinstance(train, Examples) and train.counts is not None:
        rounds = [Standardization.fit(train.of_round(number).target) for number in range(len(train.counts))]
        mean, std = (torch.stack([getattr(one, name) for one in rounds]) for name in ("mean", "std"))
        return Standardization(mean, std)
    moments: Moments | None = None
    for piece in train.pieces():
        found = Moments.of(piece.target)
        moments = moments.joined(found) if moments else found
    assert moments is not None
    return Standardization.of(moments)


def _require_scaled(scale: Standardization, train: Examples | MappedExamples, names: Sequence[str]) -> None:
    """Raise DataError for target values that are too large."""
    for piece in train.pieces():
        least, greatest = piece.target.amin(-2, keepdim=True), piece.target.amax(-2, keepdim=True)
        require_scaled(names, least, greatest, torch.zeros_like(least), torch.full_like(least, SQUARED))
        require_scaled(names, least, greatest, scale.mean, scale.std)


def for_training(trained: TrainedModel, data: RoundData, class_weight: str | None) -> Examples | MappedExamples:
    """The training rows as the model and the loss take them, with what each counts there."""
    train = data.train
    if isinstance(train, Examples) and not data.is_weighted:
        train = replace(train, weight=None)  # the rows that fill a round up, which an epoch never takes
    if class_weight is not None:
        if data.classes is None:
            raise RequestError("class_weight is for a target of classes, and the target is values; leave it out")
        train = weighted_by_class(train, data.classes)
    return trained.prepare(_of_mean_one(train) if isinstance(train, Examples) else train)


def _of_mean_one(examples: Examples) -> Examples:
    """Weights as so many times what a row counts on the average of its round. Class weights alone are so already."""
    if examples.weight is None:
        return examples
    is_there = torch.ones(examples.weight.shape, dtype=torch.bool)
    if examples.counts is not None:
        is_there = torch.arange(examples.rows) < torch.tensor(examples.counts).unsqueeze(-1)
    weight = torch.where(is_there, examples.weight, 0.0)
    return replace(examples, weight=weight * (is_there.sum(-1, keepdim=True) / weight.sum(-1, keepdim=True)))
