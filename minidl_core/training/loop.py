"""The training loop: forward, loss, backward, step, over all rounds at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples
from minidl_core.errors import DivergedError, ShapeError, require
from minidl_core.losses import Loss
from minidl_core.nn import FlatParameters, Module
from minidl_core.optim import Optimizer
from minidl_core.training.threads import threads_for, use_threads

OnEpoch = Callable[[int, Tensor], None]
"""Called with the number of epochs done and the last one's loss of each round, `[*rounds]`."""


def fit(
    model: Module,
    examples: Examples,
    loss: Loss,
    optimizer: Optimizer,
    *,
    epochs: int,
    batch_size: int,
    seeds: Sequence[int],
    threads: int | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Tensor:
    """Train a model in place, and return the loss of each epoch, `[epochs, *rounds]`.

    Args:
        model: with as many rounds as there are seeds.
        examples: features and targets as the model and the loss take them.
        seeds: one a round, for the order of its batches.
        threads: None takes one for a step so small that more would lose, else all that torch has.
        stop: asked after each step; True ends the training there.

    Raises:
        ShapeError: for features and targets that do not fit, and a loss that is not one number a round.
        DivergedError: when a loss or a weight becomes NaN or infinite. The model then has the weights of the last
            epoch that ended well.
    """
    require("epochs", epochs, epochs >= 0, "0 or greater")
    parameters = model.train().parameters
    batches = Batches(examples, batch_size, seeds, parameters.rounds)
    share = torch.tensor([min(batch_size, batches.rows - start) for start in range(0, batches.rows, batch_size)])
    share = share.to(parameters.values) / batches.rows
    history: list[Tensor] = []
    # A weight is multiplied and added once for each row.
    operations = 2 * parameters.values.numel() * min(batch_size, batches.rows)
    with use_threads(threads_for(operations) if threads is None else threads):
        for epoch in range(epochs):
            last_good = parameters.values.clone()
            losses: list[Tensor] = []
            stopped = False
            for x, target in batches.epoch(epoch):
                losses.append(loss.forward(model.forward(x), target))
                model.backward(loss.backward())
                optimizer.step(parameters)
                stopped = stop()
                if stopped:
                    break
            of_steps = torch.stack(losses, -1)
            if of_steps.shape[:-1] != parameters.rounds:
                raise ShapeError(
                    f"{loss} gives {list(losses[0].shape)}, and one loss a round is {list(parameters.rounds)}"
                )
            if error := _diverged(of_steps, parameters.values, epoch, len(batches)):
                error.history = _stacked(history, parameters)
                parameters.values.copy_(last_good)
                raise error
            if len(losses) < len(batches):
                break
            history.append((of_steps * share).sum(-1))
            if on_epoch is not None:
                on_epoch(epoch + 1, history[-1])
            if stopped or stop():
                break
    return _stacked(history, parameters)


def _stacked(history: list[Tensor], parameters: FlatParameters) -> Tensor:
    """The losses of the epochs done, `[epochs, *rounds]`."""
    return torch.stack(history) if history else parameters.values.new_zeros(0, *parameters.rounds)


def _diverged(losses: Tensor, values: Tensor, epoch: int, steps: int) -> DivergedError | None:
    """Where a loss of an epoch's steps, `[*rounds, steps]`, or a weight after them is not finite; None if all are."""
    bad_losses = ~losses.isfinite()
    bad_rounds = bad_losses.any(-1) | ~values.isfinite().all(-1)
    if not bad_rounds.any():
        return None
    bad_steps = bad_losses.reshape(-1, losses.shape[-1]).any(0)
    if bad_steps.any():
        step = int(bad_steps.long().argmax()) + 1
        what = f"the loss became {'NaN' if losses[..., step - 1].isnan().any() else 'infinite'}"
    else:
        step, what = losses.shape[-1], "the weights became NaN or infinite"
    rounds = (bad_rounds.reshape(-1).nonzero().flatten() + 1).tolist()
    among = f" in round {', '.join(map(str, rounds))} of {bad_rounds.numel()}" if bad_rounds.dim() else ""
    return DivergedError(
        f"{what} in epoch {epoch + 1}, step {step} of {steps}{among}; the model keeps its weights from "
        f"the end of epoch {epoch}. Try a smaller learning rate first",
        epoch=epoch + 1,
        step=step,
        rounds=rounds,
    )
