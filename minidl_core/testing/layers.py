"""What every layer must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from minidl_core.errors import CallOrderError
from minidl_core.nn import Module
from minidl_core.testing.devices import without_data
from minidl_core.testing.differences import require_close, require_derivative, require_identical, require_same
from minidl_core.testing.result import CheckFailed, Skipped, fails_unless
from minidl_core.testing.subject import Subject, sample

Layer = Subject[Module]

N, ROUNDS = 5, (3,)
SCALES = (1.0, 3.0, 10.0)
SEED = 7


def built(subject: Layer, rounds: tuple[int, ...] = (), dtype: torch.dtype = torch.float64) -> Module:
    """The layer with random weights, `[*rounds, *shape]`, none of them 0."""
    layer = subject.build().initialize(range(rounds[0] if rounds else 1), dtype=dtype)
    layer.parameters.values = sample(*layer.parameters.values.shape, seed=1, dtype=dtype)
    return layer


def inputs(subject: Layer, layer: Module, *leading: int, scale: float = 1.0, seed: int = 2) -> Tensor:
    """Inputs `[*leading, *shape of an example]`."""
    return scale * sample(*leading, *example_shape(subject, layer), seed=seed)


def example_shape(subject: Layer, layer: Module) -> tuple[int, ...]:
    """The shape of one example that the layer takes."""
    return layer.input_shape() or subject.conformance.input_shape


def run(layer: Module, x: Tensor) -> Tensor:
    """The output; random layers draw the same numbers each time."""
    torch.manual_seed(SEED)
    return layer.forward(x)


def gradients(layer: Module, x: Tensor, seed: int = 3) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """By the layer's own backward: that of the input, those of the parameters; and the dy that they are for."""
    dy = sample(*run(layer, x).shape, seed=seed, dtype=x.dtype)
    dx = layer.backward(dy)
    return dx, {name: parameter.grad.clone() for name, parameter in layer.named_parameters().items()}, dy


def the_gradient_of_the_input_equals_central_differences(subject: Layer) -> None:
    """dx of Σ dy·y, in float64, at small and at larger inputs, away from kinks."""
    for seed, scale in enumerate(SCALES):
        layer = built(subject)
        x = inputs(subject, layer, N, scale=scale, seed=20 + seed)
        dx, _, dy = gradients(layer, x)
        require_derivative("the gradient of the input", dx, lambda at: run(layer, at) * dy, x)  # noqa: B023


def the_gradients_of_the_parameters_equal_central_differences(subject: Layer) -> None:
    """Those of each parameter, in float64."""
    layer = built(subject)
    if not layer.named_parameters():
        raise Skipped("it has no parameters")
    for scale in SCALES:
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
    for rounds in ((), ROUNDS):
        layer = built(subject, rounds)
        x = inputs(subject, layer, *rounds, N)
        dx, of_parameters, dy = gradients(layer, x)
        leaves = {"the input": x.clone().requires_grad_()}
        for name, parameter in layer.named_parameters().items():
            leaves[name] = parameter.value.clone().requires_grad_()
            parameter.bind(leaves[name], parameter.grad)
        expected = torch.autograd.grad(run(layer, leaves["the input"]), list(leaves.values()), dy, allow_unused=True)
        found = {"the input": dx, **of_parameters}
        for (name, leaf), gradient in zip(leaves.items(), expected, strict=True):
            zero = torch.zeros_like(leaf)
            oracle = zero if gradient is None else gradient
            require_close(f"the gradient of {name}", found[name], oracle, 1e-10, 1e-10, "autograd through it gives")


def inputs_and_weights_are_left_as_they_were(subject: Layer) -> None:
    """Neither x, nor dy, nor a weight is changed by forward or backward."""
    layer = built(subject)
    x = inputs(subject, layer, N)
    dy = sample(*run(built(subject), x.clone()).shape, seed=3)
    before = x.clone(), dy.clone(), layer.parameters.values.clone()
    run(layer, x)
    require_identical("the input, after forward", x, before[0])
    layer.backward(dy)
    require_identical("the input, after backward", x, before[0])
    require_identical("dy, after backward", dy, before[1])
    require_identical("the weights", layer.parameters.values, before[2])


def gradients_are_set_and_not_added_to(subject: Layer) -> None:
    """Whatever the gradients were before, and however often backward is called."""
    layer = built(subject)
    x = inputs(subject, layer, N)
    layer.parameters.grads = torch.full_like(layer.parameters.grads, torch.nan)
    dx, first, dy = gradients(layer, x)
    fails_unless(
        not any(gradient.isnan().any() for gradient in first.values()),
        "a gradient is added to, or not set: it is NaN still, as it was before backward",
    )
    dx = dx.clone()
    require_identical("the gradient of the input, from a second backward", layer.backward(dy), dx)
    for name, parameter in layer.named_parameters().items():
        require_identical(f"the gradient of {name}, from a second backward", parameter.grad, first[name])


def two_layers_share_nothing(subject: Layer) -> None:
    """Two layers of the same arguments: what one is given changes nothing for the other."""
    one, other = built(subject), built(subject)
    other.parameters.values = sample(*other.parameters.values.shape, seed=12)
    x = inputs(subject, one, N)
    dx, of_parameters, dy = gradients(one, x)
    dx = dx.clone()
    run(one, x)
    gradients(other, inputs(subject, other, N + 1, seed=13))
    require_identical("the gradient of the input, after another layer was used", one.backward(dy), dx)
    for name, parameter in one.named_parameters().items():
        require_identical(f"the gradient of {name}, after another layer was used", parameter.grad, of_parameters[name])


def backward_before_forward_is_refused(subject: Layer) -> None:
    """With CallOrderError; keep what backward needs in `saved()`."""
    layer = built(subject)
    dy = torch.zeros(N, *layer.output_shape(example_shape(subject, layer)), dtype=torch.float64)
    try:
        layer.backward(dy)
    except CallOrderError:
        return
    except Exception as error:
        raise CheckFailed(f"it raises {type(error).__name__} and not CallOrderError: {error}") from error
    raise CheckFailed("it is not refused")


def rows_do_not_depend_on_each_other(subject: Layer) -> None:
    """Another row in the batch changes neither a row's output nor the gradient of its input."""
    layer = built(subject)
    _require_rows_independent(subject, layer)


def _require_rows_independent(subject: Layer, layer: Module) -> None:
    x = inputs(subject, layer, N)
    y, (dx, _, dy) = run(layer, x).clone(), gradients(layer, x)
    dx = dx.clone()
    changed = x.clone()
    changed[-1] = inputs(subject, layer, 1, seed=11)[0]
    y_changed = run(layer, changed)
    require_same("the output of a row, beside another row", y_changed[:-1], y[:-1])
    require_same("the gradient of a row, beside another row", layer.backward(dy)[:-1], dx[:-1])


def any_number_of_rows_is_taken(subject: Layer) -> None:
    """0, 1 and many, each with the shape that `output_shape` says; of no rows all gradients are 0."""
    layer = built(subject)
    shape = layer.output_shape(example_shape(subject, layer))
    for rows in (0, 1, 40):
        x = inputs(subject, layer, rows)
        dx, of_parameters, dy = gradients(layer, x)
        fails_unless(
            dy.shape == (rows, *shape),
            f"the output of {rows} rows is {list(dy.shape)}, and output_shape says {[rows, *shape]}",
        )
        fails_unless(dx.shape == x.shape, f"the gradient of the input is {list(dx.shape)}, the input {list(x.shape)}")
        for name, gradient in of_parameters.items():
            fails_unless(bool(gradient.isfinite().all()), f"the gradient of {name} for {rows} rows is not finite")
            fails_unless(rows > 0 or not gradient.any(), f"the gradient of {name} for no rows is not 0")


def rounds_at_once_equal_each_round_alone(subject: Layer) -> None:
    """Outputs and gradients of inputs and weights with a leading round axis, against each round by itself."""
    together = built(subject, ROUNDS)
    x = inputs(subject, together, *ROUNDS, N)
    y = run(together, x).clone()
    dx, of_parameters, dy = gradients(together, x)
    for index in range(ROUNDS[0]):
        alone = built(subject)
        for name, parameter in alone.named_parameters().items():
            parameter.value.copy_(together.named_parameters()[name].value[index])
        require_same(f"the output of round {index}, among others", y[index], run(alone, x[index]))
        require_same(f"the gradient of round {index}'s input", dx[index], alone.backward(dy[index]))
        for name, parameter in alone.named_parameters().items():
            require_same(f"the gradient of round {index}'s {name}", of_parameters[name][index], parameter.grad)


def dtype_is_kept(subject: Layer) -> None:
    """Outputs and gradients have the dtype of the input and the weights."""
    for dtype in (torch.float32, torch.float64):
        layer = built(subject, dtype=dtype)
        x = inputs(subject, layer, N).to(dtype)
        dx, of_parameters, dy = gradients(layer, x)
        for name, tensor in {"output": dy, "gradient of the input": dx}.items():
            fails_unless(tensor.dtype == dtype, f"the {name} is {tensor.dtype} for an input of {dtype}")
        for name, gradient in of_parameters.items():
            fails_unless(gradient.dtype == dtype, f"the gradient of {name} is {gradient.dtype} for {dtype}")
        fails_unless(run(layer, x).dtype == dtype, f"the output is {run(layer, x).dtype} for an input of {dtype}")


def device_is_kept(subject: Layer) -> None:
    """Outputs and gradients are where the input and the weights are, and nothing is made elsewhere."""

    def on(device: torch.device) -> None:
        layer = subject.build().initialize([0], device=device)
        x = inputs(subject, layer, N).to(device, torch.float32)
        y = layer.forward(x)
        dx = layer.backward(torch.ones_like(y))
        fails_unless(y.device.type == device.type, f"the output is on {y.device}, the input on {device}")
        fails_unless(dx.device.type == device.type, f"the gradient is on {dx.device}, the input on {device}")

    without_data(on)


def large_inputs_give_finite_numbers(subject: Layer) -> None:
    """Outputs and gradients of inputs up to about 100 in size, in float32."""
    layer = built(subject, dtype=torch.float32)
    x = inputs(subject, layer, 40, scale=50.0).float()
    dx, of_parameters, _ = gradients(layer, x)
    fails_unless(bool(run(layer, x).isfinite().all()), "the output is not finite")
    for name, gradient in {"the input": dx, **of_parameters}.items():
        fails_unless(bool(gradient.isfinite().all()), f"the gradient of {name} is not finite")


def it_is_saved_and_loaded_as_it_is(subject: Layer) -> None:
    """Its spec and its tensors, through the bytes of a model file, give the same outputs bit for bit."""
    subject.require_registered()
    layer = built(subject)
    layer.eval()
    tensors = {name: parameter.value.contiguous() for name, parameter in layer.named_parameters().items()}
    stored = safetensors.torch.load(safetensors.torch.save(tensors))
    loaded = subject.from_spec(str(layer)).initialize([1], dtype=torch.float64)
    loaded.eval()
    fails_unless(
        stored.keys() == loaded.named_parameters().keys(),
        f"its tensors are {sorted(stored)}, those of its spec '{layer}' {sorted(loaded.named_parameters())}",
    )
    for name, parameter in loaded.named_parameters().items():
        parameter.value.copy_(stored[name])
    x = inputs(subject, layer, N)
    require_identical("the output, saved and loaded", run(loaded, x), run(layer, x))


def evaluation_draws_nothing_and_training_goes_on_after_it(subject: Layer) -> None:
    """After `eval()` outputs are the same each time, rows are independent, and gradients are those of what it gives;
    after `train()` outputs are what they were.
    """
    layer = built(subject)
    x = inputs(subject, layer, N)
    in_training = run(layer, x).clone()
    layer.eval()
    modes = {within.training for within in layer.layers_within().values()}
    fails_unless(modes == {False}, "eval() does not reach every layer within it; is each among its `children()`?")
    torch.manual_seed(SEED)
    first = layer.forward(x).clone()
    require_identical("the output in evaluation, the second time", layer.forward(x), first)
    _require_rows_independent(subject, layer)
    dx, _, dy = gradients(layer, x)
    require_derivative("the gradient of the input in evaluation", dx, lambda at: run(layer, at) * dy, x)
    layer.train()
    require_identical("the output in training, after evaluation", run(layer, x), in_training)


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    the_gradient_of_the_input_equals_central_differences,
    the_gradients_of_the_parameters_equal_central_differences,
    backward_equals_autograd_through_forward,
    inputs_and_weights_are_left_as_they_were,
    gradients_are_set_and_not_added_to,
    two_layers_share_nothing,
    backward_before_forward_is_refused,
    rows_do_not_depend_on_each_other,
    any_number_of_rows_is_taken,
    rounds_at_once_equal_each_round_alone,
    dtype_is_kept,
    device_is_kept,
    large_inputs_give_finite_numbers,
    it_is_saved_and_loaded_as_it_is,
    evaluation_draws_nothing_and_training_goes_on_after_it,
)
