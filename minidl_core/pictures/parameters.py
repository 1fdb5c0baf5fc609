"""How the weights of each layer are distributed, and the gradients with respect to them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.nn.member_by_member import for_rounds
from minidl_core.pictures.histograms import Layers, Numbers, sizes_of, values_of
from minidl_core.pictures.picture import Picture
from minidl_core.pictures.wording import count
from minidl_core.spec.component import spec_name
from minidl_core.training.diagnosis.look import Double

if TYPE_CHECKING:
    from minidl_core.training import Training

MOST_LAYERS = 12
"""Of which a half is from the model's beginning, a half from its end."""
MOST_NUMBERS = 500_000
"""Of a parameter, that are counted."""
ROWS = 256
"""Of each round, whose gradient is taken."""

log = logging.getLogger("minidl")


def weights(training: Training) -> Picture | None:
    """A panel for each layer with parameters; None where there is none."""
    named = training.trained.model.named_parameters()
    layers = _of_layers(training, {name: parameter.value for name, parameter in named.items()})
    if not any(numbers.size for parameters in layers.values() for numbers in parameters.values()):
        return None
    said = f"How the values of each layer's parameters are distributed in the end{_all_rounds(training)}."
    return Picture("weights", "Weights", said + _left_out(training), values_of(layers))


def gradients(training: Training) -> Picture | None:
    """The same of the gradient of the loss; None where it is 0, or the model's layers do not let it be taken."""
    named = training.trained.model.named_parameters()
    if not named:
        return None
    try:
        rows, flat = _gradient(training)
    except Exception as error:  # of a layer; the picture is not worth the report
        log.debug("no picture of gradients: %s: %s", type(error).__name__, error)
        return None
    parts = torch.split(flat, [parameter.size for parameter in named.values()], -1)
    layers = _of_layers(training, dict(zip(named, parts, strict=True)))
    if not any(numbers.any() for parameters in layers.values() for numbers in parameters.values()):
        return None
    of_rounds = " a round" if training.trained.rounds else ""
    said = (
        f"How large the derivatives of the loss by each parameter are, of {count(rows, 'training row')}{of_rounds} "
        f"that count alike, with the weights of the end{_all_rounds(training)}. All panels have the same axis: where "
        "gradients vanish on their way back, the first layers lie further to the left."
    )
    return Picture("gradients", "Gradients", said + _left_out(training), sizes_of(layers))


def _gradient(training: Training) -> tuple[int, Tensor]:
    """Of how many rows of each round, and `[*rounds, P]`: forward and backward, as in an evaluation."""
    trained, train = training.trained, training.data.train
    some = train.spread(ROWS) if isinstance(train, Examples) else train
    sample = trained.sample(trained.prepare(some), ROWS)
    double = Double(for_rounds(trained.model), trained.loss)
    double.forward(sample)
    return sample.rows, double.backward()


def _of_layers(training: Training, tensors: dict[str, Tensor]) -> Layers:
    """What is finite of these numbers of parameters, of the layers that are shown."""
    places = _places(training)
    shown = places if len(places) <= MOST_LAYERS else [*places[: MOST_LAYERS // 2], *places[-(MOST_LAYERS // 2) :]]
    within = training.trained.model.layers_within()
    layers: Layers = {}
    for place in shown:
        heading = f"{place} {spec_name(type(within[place]))}".strip()
        own = {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[0] == place}
        layers[heading] = {name.rpartition(".")[2]: _numbers(tensor) for name, tensor in own.items()}
    return layers


def _places(training: Training) -> list[str]:
    """Of the layers with parameters, in the model's order."""
    names = training.trained.model.named_parameters()
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))


def _numbers(tensor: Tensor) -> Numbers:
    flat = tensor.detach().reshape(-1)
    numbers: Numbers = flat[:: max(1, -(-len(flat) // MOST_NUMBERS))].double().cpu().numpy()
    return numbers[np.isfinite(numbers)]


def _all_rounds(training: Training) -> str:
    rounds = len(training.trained.seeds)
    return f", those of the {rounds} rounds together" if rounds > 1 else ""


def _left_out(training: Training) -> str:
    more = len(_places(training)) - MOST_LAYERS
    return f" {count(more, 'layer')} in the middle of the model {'is' if more == 1 else 'are'} left out." * (more > 0)
