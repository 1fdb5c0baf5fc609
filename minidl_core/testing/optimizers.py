"""What every optimizer must do."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from minidl_core.errors import RequestError
from minidl_core.nn import FlatParameters, Linear, Sequential
from minidl_core.optim import Optimizer
from minidl_core.spec.component import constructor
from minidl_core.testing.devices import without_data
from minidl_core.testing.differences import require_close, require_identical, require_same
from minidl_core.testing.result import CheckFailed, Skipped, fails_unless
from minidl_core.testing.subject import Subject, sample

P, ROUNDS, STEPS = 8, (2,), 6
SMALL = 1e-2
"""Of what a function was at first, where an optimizer whose steps do not shrink may move around the minimum."""
LEARNING_RATES = (0.01, 0.1)


def parameters_of(values: Tensor) -> FlatParameters:
    """Flat parameters with these values `[*rounds, P]`, those of two layers, and no gradient yet."""
    seeds = range(values.shape[:-1].numel())
    half = values.shape[-1] // 2
    layers = Sequential(Linear(half, 1, bias=False), Linear(values.shape[-1] - half, 1, bias=False))
    parameters = layers.initialize(seeds, dtype=values.dtype, device=values.device).parameters
    parameters.values = values
    return parameters


def values_of(*rounds: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return sample(*rounds, P, seed=seed, dtype=dtype)


def gradient_of_step(parameters: FlatParameters, step: int) -> Tensor:
    """The gradient that a test gives at a step, the same each time."""
    return sample(*parameters.values.shape, seed=100 + step, dtype=parameters.values.dtype)


def stepped(optimizer: Optimizer, parameters: FlatParameters, *, first: int = 0, steps: int = STEPS) -> Tensor:
    """The values after some steps on gradients that do not depend on them."""
    for step in range(first, first + steps):
        parameters.grads = gradient_of_step(parameters, step)
        optimizer.step(parameters)
    return parameters.values


def behaviour(subject: Subject[Optimizer]) -> list[Tensor]:
    """All that can be seen of what it does."""
    optimizer, parameters = subject.build(), parameters_of(values_of())
    stepped(optimizer, parameters)
    averaged = optimizer.averaged(parameters)
    return [parameters.values] if averaged is None else [parameters.values, averaged]


def the_first_step_is_its_closed_form(subject: Subject[Optimizer]) -> None:
    """That of `Conformance(first_step=...)`, in float64."""
    first_step = subject.conformance.first_step
    if first_step is None:
        raise Skipped("no closed form of its first step is declared")
    optimizer, w = subject.build(), values_of()
    parameters = parameters_of(w)
    parameters.grads = gradient_of_step(parameters, 0)
    expected = first_step(optimizer, w, parameters.grads.clone())
    optimizer.step(parameters)
    require_close("a weight after the first step", parameters.values, expected, 1e-12, 1e-9, "the closed form gives")


def gradients_of_zero_leave_the_weights_alone(subject: Subject[Optimizer]) -> None:
    """From the first step on, all of them or one among others; a decay, which must be named `weight_decay`, apart."""
    decay = {"weight_decay": 0.0} if _decays(subject) else {}
    for dtype in (torch.float64, torch.float32):
        for zeros in (slice(None), slice(2, 3)):
            optimizer, parameters = subject.build(**decay), parameters_of(values_of(dtype=dtype))
            for step in range(STEPS):
                parameters.grads = gradient_of_step(parameters, step)
                parameters.grads[..., zeros] = 0
                optimizer.step(parameters)
            found, expected = parameters.values[..., zeros], values_of(dtype=dtype)[..., zeros]
            require_identical("a weight whose gradients are 0 (unless by weight_decay)", found, expected)


def weight_decay_makes_weights_smaller(subject: Subject[Optimizer]) -> None:
    """Each of them, where gradients are 0."""
    if not _decays(subject):
        raise Skipped("it has no argument 'weight_decay'")
    optimizer, parameters = subject.build(weight_decay=0.1), parameters_of(values_of())
    parameters.grads = torch.zeros_like(parameters.grads)
    optimizer.step(parameters)
    fails_unless(bool((parameters.values.abs() < values_of().abs()).all()), "a weight does not become smaller")


def _decays(subject: Subject[Optimizer]) -> bool:
    return "weight_decay" in constructor(subject.component_class).parameters


def every_weight_is_stepped(subject: Subject[Optimizer]) -> None:
    """Those of each layer, where no gradient is 0."""
    optimizer, parameters = subject.build(), parameters_of(values_of())
    moved = {name: torch.zeros(parameter.shape, dtype=torch.bool) for name, parameter in parameters.named.items()}
    for step in range(2):
        before = {name: parameter.value.clone() for name, parameter in parameters.named.items()}
        stepped(optimizer, parameters, first=step, steps=1)
        for name, parameter in parameters.named.items():
            moved[name] |= parameter.value != before[name]
    for name, of_layer in moved.items():
        fails_unless(bool(of_layer.all()), f"a weight of layer '{name}' is not changed in two steps")


def a_convex_quadratic_goes_down(subject: Subject[Optimizer]) -> None:
    """½ Σ c (w - a)² with curvatures c from 0.5 to 2 is less after 50 steps, and less again after 250 more.

    One that goes up, as an argument `maximize` says, is given the gradient of the quadratic's negative.
    """
    optimizer, parameters = subject.build(), parameters_of(3 + values_of())
    way = -1 if optimizer.arguments.get("maximize") is True else 1
    minimum, curvature = values_of(seed=2), torch.linspace(0.5, 2, P, dtype=torch.float64)

    def height() -> float:
        return float((curvature * (parameters.values - minimum) ** 2).sum() / 2)

    heights = [height()]
    for step in range(300):
        parameters.grads = way * curvature * (parameters.values - minimum)
        optimizer.step(parameters)
        if step + 1 in (50, 300):
            heights.append(height())
    for before, after in itertools.pairwise(heights):
        fails_unless(
            after < before or after < SMALL * heights[0],
            f"the quadratic is {heights[0]:.6g}, then {heights[1]:.6g} after 50 steps, then {heights[2]:.6g} after 300",
        )


def saved_and_restored_it_goes_on_bit_for_bit(subject: Subject[Optimizer]) -> None:
    """A new optimizer with `state` and `steps` of the old one, through the bytes of a file, takes the same steps."""
    for rounds in ((), ROUNDS):
        at_once, parameters = subject.build(), parameters_of(values_of(*rounds))
        whole = stepped(at_once, parameters, steps=2 * STEPS).clone()
        average = at_once.averaged(parameters)
        first, parameters = subject.build(), parameters_of(values_of(*rounds))
        stepped(first, parameters)
        for name, tensor in first.state.items():
            one_a_round = (*parameters.rounds, 1)
            fails_unless(
                tensor.shape in (parameters.values.shape, one_a_round),
                f"its state '{name}' is {list(tensor.shape)}, the weights {list(parameters.values.shape)}",
            )
        memory = {parameters.values.data_ptr(), parameters.grads.data_ptr()}
        stored = safetensors.torch.load(safetensors.torch.save(first.state)) if first.state else {}
        second = subject.build()
        second.steps = first.steps
        second.state.update(stored)
        for name, tensor in first.state.items():
            fails_unless(tensor.data_ptr() not in memory, f"its state '{name}' is the memory of the model itself")
        half = parameters_of(parameters.values.clone())
        require_identical("a weight, saved and restored halfway", stepped(second, half, first=STEPS), whole)
        if average is not None:
            again = second.averaged(half)
            if again is None:
                raise CheckFailed("its averaged weights are gone when it was saved and restored")
            require_identical("an averaged weight, saved and restored halfway", again, average)


def steps_are_counted(subject: Subject[Optimizer]) -> None:
    """In `steps`, by one each."""
    optimizer = subject.build()
    fails_unless(optimizer.steps == 0, f"a new optimizer has taken {optimizer.steps} steps")
    stepped(optimizer, parameters_of(values_of()))
    fails_unless(optimizer.steps == STEPS, f"after {STEPS} steps `steps` is {optimizer.steps}")


def two_optimizers_share_nothing(subject: Subject[Optimizer]) -> None:
    """Steps of another, of the same arguments, change nothing for the first."""
    alone = stepped(subject.build(), parameters_of(values_of())).clone()
    one, other = subject.build(), subject.build()
    beside, elsewhere = parameters_of(values_of()), parameters_of(values_of(seed=3))
    for step in range(STEPS):
        for optimizer, parameters in ((other, elsewhere), (one, beside)):
            stepped(optimizer, parameters, first=step, steps=1)
    require_identical("a weight, beside another optimizer", beside.values, alone)


def gradients_are_left_as_they_were(subject: Subject[Optimizer]) -> None:
    """A step changes the weights, where they are, and nothing else."""
    optimizer, parameters = subject.build(), parameters_of(values_of())
    memory = parameters.values.data_ptr()
    for step in range(STEPS):
        parameters.grads = gradient_of_step(parameters, step)
        optimizer.step(parameters)
        require_identical("the gradient, after a step", parameters.grads, gradient_of_step(parameters, step))
    view = torch.cat([parameter.value.flatten() for parameter in parameters.named.values()])
    fails_unless(parameters.values.data_ptr() == memory, "the weights lie elsewhere after a step")
    require_identical("the layer's view of the weights", view, parameters.values)


def rounds_at_once_equal_each_round_alone(subject: Subject[Optimizer]) -> None:
    """The weights of each round after some steps, against a run of its own."""
    together = parameters_of(values_of(*ROUNDS))
    optimizer = subject.build()
    alone = [(subject.build(), parameters_of(values)) for values in values_of(*ROUNDS)]
    for step in range(STEPS):
        stepped(optimizer, together, first=step, steps=1)
        for index, (own, parameters) in enumerate(alone):
            parameters.grads = gradient_of_step(together, step)[index]
            own.step(parameters)
    for index, (_, parameters) in enumerate(alone):
        require_same(f"a weight of round {index}, among others", together.values[index], parameters.values)


def each_round_may_have_its_own_learning_rate(subject: Subject[Optimizer]) -> None:
    """`lr` set to a tensor `[*rounds, 1]` is, for each round, its learning rate from the next step on."""
    if "lr" not in constructor(subject.component_class).parameters:
        raise Skipped("it has no argument 'lr'")
    together, optimizer = parameters_of(values_of(*ROUNDS)), subject.build()
    alone = [(subject.build(), parameters_of(values)) for values in values_of(*ROUNDS)]
    for first, scale in (0, 1.0), (STEPS, 0.1):  # a schedule changes it in the midst
        rates = [scale * lr for lr in LEARNING_RATES]
        optimizer.lr = torch.tensor(rates, dtype=torch.float64).unsqueeze(-1)
        alone = [
            (_going_on(subject.build(lr=lr), own), parameters)
            for lr, (own, parameters) in zip(rates, alone, strict=True)
        ]
        for step in range(first, first + STEPS):
            stepped(optimizer, together, first=step, steps=1)
            for (own, parameters), gradient in zip(alone, gradient_of_step(together, step), strict=True):
                parameters.grads = gradient
                own.step(parameters)
    for index, (_, parameters) in enumerate(alone):
        require_same(f"a weight of round {index} with its own lr", together.values[index], parameters.values)


def _going_on(new: Optimizer, before: Optimizer) -> Optimizer:
    """A new optimizer with what another remembers."""
    new.steps = before.steps
    new.state.update(before.state)
    return new


def parameters_of_another_size_are_refused(subject: Subject[Optimizer]) -> None:
    """With RequestError by an optimizer that remembers something, and without a change to them."""
    optimizer = subject.build()
    stepped(optimizer, parameters_of(values_of()))
    if not optimizer.state:
        raise Skipped("it remembers nothing of the parameters' size")
    other = parameters_of(sample(P + 1))
    other.grads = torch.ones_like(other.grads)
    try:
        optimizer.step(other)
    except RequestError:
        require_identical("the refused parameters", other.values, sample(P + 1))
        return
    except Exception as error:
        raise CheckFailed(f"it raises {type(error).__name__} and not RequestError: {error}") from error
    raise CheckFailed(f"after {P} parameters it takes {P + 1}")


def dtype_is_kept(subject: Subject[Optimizer]) -> None:
    """Weights and state have the dtype of the parameters."""
    for dtype in (torch.float32, torch.float64):
        optimizer, parameters = subject.build(), parameters_of(values_of(dtype=dtype))
        stepped(optimizer, parameters)
        for name, tensor in {"weights": parameters.values, **optimizer.state}.items():
            fails_unless(tensor.dtype == dtype, f"{name} is {tensor.dtype} for parameters of {dtype}")


def device_is_kept(subject: Subject[Optimizer]) -> None:
    """State is where the parameters are, and nothing is made elsewhere."""

    def on(device: torch.device) -> None:
        optimizer, parameters = subject.build(), parameters_of(values_of().to(device))
        for _ in range(STEPS):
            parameters.grads = torch.ones_like(parameters.grads)
            optimizer.step(parameters)
        for name, tensor in optimizer.state.items():
            fails_unless(tensor.device.type == device.type, f"its state '{name}' is on {tensor.device}, not {device}")

    without_data(on)


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    the_first_step_is_its_closed_form,
    every_weight_is_stepped,
    weight_decay_makes_weights_smaller,
    gradients_of_zero_leave_the_weights_alone,
    a_convex_quadratic_goes_down,
    saved_and_restored_it_goes_on_bit_for_bit,
    steps_are_counted,
    two_optimizers_share_nothing,
    gradients_are_left_as_they_were,
    rounds_at_once_equal_each_round_alone,
    each_round_may_have_its_own_learning_rate,
    parameters_of_another_size_are_refused,
    dtype_is_kept,
    device_is_kept,
)
