"""The derivatives of a layer."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.nn import Module
from minidl_core.testing.differences import STEP, require_close, require_derivative, require_same
from minidl_core.testing.layer_subject import (
    ROUNDS,
    Layer,
    N,
    back,
    built,
    gradients,
    inputs,
    of_parameters,
    rows_depend,
    run,
    takes_rounds,
)
from minidl_core.testing.result import Skipped, fails_unless
from minidl_core.testing.subject import sample

SCALES = (1.0, 10.0, 50.0)


def the_gradient_of_the_input_equals_central_differences(subject: Layer) -> None:
    """dx of Σ dy·y, in float64, at small and at large inputs, away from kinks; 0 where inputs are whole numbers."""
    for seed, scale in enumerate(SCALES):
        layer = built(subject)
        x = inputs(subject, layer, N, scale=scale, seed=20 + seed)
        dx, _, dy = gradients(layer, x)
        require_input_derivative(subject, "the gradient of the input", layer, x, dx, dy)


def require_input_derivative(subject: Layer, what: str, layer: Module, x: Tensor, dx: Tensor, dy: Tensor) -> None:
    """Hold dx against central differences, or where between whole numbers there are none, against 0."""
    if subject.conformance.whole_inputs is None:
        require_derivative(what, dx, lambda at: run(layer, at) * dy, x)
    else:
        require_close(what, dx, torch.zeros_like(x), 0, 0, "inputs are whole numbers, and it must be")


def the_gradients_of_the_parameters_equal_central_differences(subject: Layer) -> None:
    """Those of each parameter, in float64, in training and in evaluation."""
    for training in (True, False):
        layer = built(subject).train(training)
        if not layer.named_parameters():
            raise Skipped("it has no parameters")
        for scale in SCALES[:2]:
            x = inputs(subject, layer, N, scale=scale)
            _, of_parameters, dy = gradients(layer, x)
            for name, parameter in layer.named_parameters().items():
                before = parameter.value.clone()

                def output(value: Tensor) -> Tensor:
                    parameter.value.copy_(value)  # noqa: B023
                    return run(layer, x) * dy  # noqa: B023

                require_derivative(f"the gradient of {name}", of_parameters[name], output, before)
                parameter.value.copy_(before)


def backward_equals_autograd_through_forward(subject: Layer) -> None:
    """All gradients, in float64, with and without rounds, for a forward that autograd can follow."""
    for rounds in ((), ROUNDS) if takes_rounds(subject) else ((),):
        layer = built(subject, rounds)
        x = inputs(subject, layer, *rounds, N)
        dx, of_parameters, dy = gradients(layer, x)
        leaves = {"the input": x.clone().requires_grad_()}
        for name, parameter in layer.named_parameters().items():
            leaves[name] = parameter.value.clone().requires_grad_()
            parameter.bind(leaves[name], parameter.grad)
        y = run(layer, leaves["the input"])
        fails_unless(y.requires_grad, "autograd cannot follow forward; write it in PyTorch's operations")
        expected = torch.autograd.grad(y, list(leaves.values()), dy, allow_unused=True)
        found = {"the input": dx, **of_parameters}
        for (name, leaf), gradient in zip(leaves.items(), expected, strict=True):
            oracle = torch.zeros_like(leaf) if gradient is None else gradient
            require_close(f"the gradient of {name}", found[name], oracle, 1e-9, 1e-9, "autograd through it gives")


def backward_is_linear_in_dy(subject: Layer) -> None:
    """A sum of gradients of the output, however large, gives the sum of those of the input."""
    layer = built(subject)
    x = inputs(subject, layer, N)
    one = sample(*run(layer, x).shape, seed=3)
    other = 1000 * sample(*one.shape, seed=14)
    dx_one, dx_other = back(layer, one).clone(), back(layer, other).clone()
    found = back(layer, one + other)
    require_close("the gradient of the input, for 1000 times as much,", found, dx_one + dx_other, 1e-9, 1e-9)


def equal_inputs_give_finite_numbers_and_the_right_slope(subject: Layer) -> None:
    """Inputs all 0 and all alike, where a division or a maximum may go wrong."""
    whole = subject.conformance.whole_inputs
    for value in (0.0, 0.7 if whole is None else whole - 1.0):
        layer = built(subject)
        x = torch.full_like(inputs(subject, layer, N), value)
        dx, of_parameters, dy = gradients(layer, x)
        for name, gradient in {"the input": dx, **of_parameters}.items():
            fails_unless(bool(gradient.isfinite().all()), f"for inputs of {value} the gradient of {name} is not finite")
        fails_unless(bool(run(layer, x).isfinite().all()), f"for inputs of {value} the output is not finite")
        if value and whole is None:
            slope = ((run(layer, x + STEP) - run(layer, x - STEP)) * dy).sum() / (2 * STEP)
            require_close("the slope along all inputs at once, all alike,", dx.sum(), slope, 1e-6, 1e-6)


def large_inputs_give_finite_numbers(subject: Layer) -> None:
    """Outputs and gradients of inputs up to about 100 in size, in float32."""
    layer = built(subject, dtype=torch.float32)
    x = inputs(subject, layer, 40, scale=50.0).float()
    dx, of_parameters, _ = gradients(layer, x)
    fails_unless(bool(run(layer, x).isfinite().all()), "the output is not finite")
    for name, gradient in {"the input": dx, **of_parameters}.items():
        fails_unless(bool(gradient.isfinite().all()), f"the gradient of {name} is not finite")


def rows_do_not_depend_on_each_other(subject: Layer) -> None:
    """Another row in the batch changes neither a row's output nor the gradient of its input. Where a layer says that in
    training they do depend, they must, and in whatever order they come each has the same output and gradient.
    """
    require_rows_independent(subject, True)


def require_rows_independent(subject: Layer, training: bool) -> None:
    """Raise CheckFailed where a row's output or gradient changes with another row, or with how many there are; or, of a
    layer whose rows depend on each other, with their order.
    """
    layer = built(subject).train(training)
    x = inputs(subject, layer, N)
    y, (dx, of_weights, dy) = run(layer, x).clone(), gradients(layer, x)
    dx = dx.clone()
    changed = x.clone()
    changed[-1] = inputs(subject, layer, 1, seed=11)[0]
    if rows_depend(subject, layer):
        alike = torch.equal(run(layer, changed)[:-1], y[:-1])
        fails_unless(not alike, "it says that rows depend on each other, and a row's output is the same beside another")
        require_same("the output of rows in another order", run(layer, x.flip(0)), y.flip(0))
        require_same("the gradient of rows in another order", back(layer, dy.flip(0)), dx.flip(0))
        for name, gradient in of_parameters(layer).items():
            require_same(f"the gradient of {name} for rows in another order", gradient, of_weights[name])
        return
    require_same("the output of a row, beside another row", run(layer, changed)[:-1], y[:-1])
    require_same("the gradient of a row, beside another row", back(layer, dy)[:-1], dx[:-1])
