"""The report's own calls, thin ones: `train_model_SGD` and `accuracy`."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import Loss, class_scores
from minidl_core.metrics import Accuracy
from minidl_core.nn import Module
from minidl_core.nn.member_by_member import for_rounds
from minidl_core.optim import SGD
from minidl_core.training.loop import fit


def train_model_SGD(  # noqa: N802, the report's name
    model: Module,
    train_input: Tensor,
    train_target: Tensor,
    nb_epoch: int = 100,
    mini_batch_size: int = 10,
    lr: float = 0.1,
    loss: Loss | str = "mse",
) -> list[Any]:
    """Train a model by mini-batch stochastic gradient descent, and return its losses, one an epoch.

    Args:
        model: trained from the weights that it has.
        train_input: `[N, F]`.
        train_target: `[N, outputs]`, or class labels `[N]`, which a loss on values takes one-hot encoded.
        lr: the learning rate.
        loss: `"mse"`, `"mae"`, or any other loss or spec of one.

    The order of the batches comes from torch's default generator, so `torch.manual_seed` repeats a training. A model
    with a round axis gives a list of losses, one a round, for each epoch.
    """
    criterion = Loss.of(loss)
    parameters = model.parameters
    seeds = torch.randint(2**62, (math.prod(parameters.rounds),)).tolist()
    are_labels = not train_target.is_floating_point() and train_target.dim() < train_input.dim()
    target = train_target if are_labels else train_target.to(parameters.values)
    examples = Examples(train_input.to(parameters.values), target)
    history = fit(model, examples, criterion, SGD(lr), epochs=nb_epoch, batch_size=mini_batch_size, seeds=seeds)
    losses: list[Any] = history.tolist()
    return losses


def accuracy(model: Module, input: Tensor, target: Tensor, threshold: float = 0.5) -> Any:
    """The share of rows whose class the model predicts rightly: a number, or a list of one a round.

    Args:
        input: `[N, F]`.
        target: class labels `[N]`, or one-hot `[N, classes]`.
        threshold: above which a single output means class 1; 0 for a model that was trained on logits.
    """
    before = model.training
    output = for_rounds(model).eval().forward(input.to(model.parameters.values))
    for_rounds(model).train(before)
    if input.dim() == 2:
        target = target.expand(*model.parameters.rounds, *target.shape)
    if target.shape == output.shape:
        target = class_scores(target.double(), 0.5).argmax(-1)  # of booleans too
    return Accuracy()(class_scores(output, threshold), target.to(output.device)).tolist()
