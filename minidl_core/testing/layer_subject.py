"""How the checks of layers use a layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from minidl_core.nn import FlatParameters, Module, Parameter, Zeros
from minidl_core.testing.result import fails_unless
from minidl_core.testing.subject import Subject, sample

Layer = Subject[Module]

N, ROUNDS = 5, (2,)
SEED = 7


def built(subject: Layer, rounds: tuple[int, ...] = (), dtype: torch.dtype = torch.float64) -> Module:
    """The layer with random weights, `[*rounds, *shape]`, none of them 0."""
    layer = subject.build().initialize(range(rounds[0] if rounds else 1), dtype=dtype)
    layer.parameters.values = sample(*layer.parameters.values.shape, seed=1, dtype=dtype)
    return layer


def built_among_others(subject: Layer, rounds: tuple[int, ...]) -> Module:
    """The same, its weights lying between those of other layers, as they do in a model."""
    layer, weights = built(subject, rounds), {}
    for name, parameter in layer.named_parameters().items():
        weights[name] = parameter.value.clone()
    neighbours = [Parameter((3,), Zeros(), 1, 1) for _ in range(2)]
    named = {"before": neighbours[0], **layer.named_parameters(), "behind": neighbours[1]}
    FlatParameters(named, seeds=range(rounds[0] if rounds else 1), dtype=torch.float64)
    for name, parameter in layer.named_parameters().items():
        parameter.value.copy_(weights[name])
    return layer


def takes_rounds(subject: Layer) -> bool:
    """Whether it, and every layer within it, says that it takes round axes."""
    return all(layer.takes_rounds for layer in subject.build().layers_within().values())


def example_shape(subject: Layer, layer: Module) -> tuple[int, ...]:
    """The shape of one example that the layer takes."""
    return layer.input_shape() or subject.conformance.input_shape


def inputs(subject: Layer, layer: Module, *leading: int, scale: float = 1.0, seed: int = 2) -> Tensor:
    """Inputs `[*leading, *shape of an example]`; of whole numbers where the layer takes no others."""
    shape = (*leading, *example_shape(subject, layer))
    whole = subject.conformance.whole_inputs
    if whole is not None:
        return torch.randint(whole, shape, generator=torch.Generator().manual_seed(seed)).double()
    return scale * sample(*shape, seed=seed)


def rows_depend(subject: Layer, layer: Module) -> bool:
    """Whether the layer says that in its present mode a row's output depends on the other rows."""
    says = subject.conformance.rows_depend
    return says is not None and says(layer, layer.training)


def run(layer: Module, x: Tensor) -> Tensor:
    """The output; random layers draw the same numbers each time."""
    torch.manual_seed(SEED)
    y = layer.forward(x)
    fails_unless(isinstance(y, Tensor), f"forward gives {type(y).__name__}; it must return the output, a tensor")
    return y


def back(layer: Module, dy: Tensor) -> Tensor:
    """The gradient of the input."""
    dx = layer.backward(dy)
    fails_unless(
        isinstance(dx, Tensor),
        f"backward gives {type(dx).__name__}; it must return the gradient of the input, a tensor",
    )
    return dx


def of_parameters(layer: Module) -> dict[str, Tensor]:
    """The gradients of the parameters, as they are now."""
    return {name: parameter.grad.clone() for name, parameter in layer.named_parameters().items()}


def gradients(layer: Module, x: Tensor, seed: int = 3) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """By the layer's own backward: that of the input, those of the parameters; and the dy that they are for."""
    y = run(layer, x)
    dy = sample(*y.shape, seed=seed, dtype=y.dtype)
    return back(layer, dy), of_parameters(layer), dy


def draws(layer: Module, x: Tensor) -> bool:
    """Whether outputs differ from one call to the next."""
    return not torch.equal(layer.forward(x), layer.forward(x))


def modes(subject: Layer) -> Sequence[bool]:
    """Training and evaluation, of a layer whose outputs are its input's alone; else evaluation."""
    layer = built(subject)
    return (False,) if draws(layer, inputs(subject, layer, N)) else (True, False)


def behaviour(subject: Layer) -> list[Tensor]:
    """All that can be seen of what it does."""
    layer = subject.build().initialize([0], dtype=torch.float64)
    first = layer.parameters.values.clone()
    layer = built(subject)
    x = inputs(subject, layer, N)
    dx, grads, _ = gradients(layer, x)
    return [first, run(layer, x).clone(), dx.clone(), *grads.values(), run(layer.eval(), x).clone()]
