"""Rows, rounds, dtypes, devices and memory layouts of a layer."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.testing.devices import without_data
from minidl_core.testing.differences import require_close, require_identical, require_same
from minidl_core.testing.layer_subject import (
    ROUNDS,
    Layer,
    N,
    back,
    built,
    built_among_others,
    draws,
    example_shape,
    gradients,
    inputs,
    modes,
    of_parameters,
    rows_depend,
    run,
    takes_rounds,
)
from minidl_core.testing.result import Skipped, fails_unless


def any_number_of_rows_is_taken(subject: Layer) -> None:
    """0, 1 and many, each with the shape that `output_shape` says; of no rows all gradients are 0. In evaluation, many
    give what a part and the rest give, but for a layer that says that rows depend on each other there.
    """
    layer = built(subject)
    shape = layer.output_shape(example_shape(subject, layer))
    for rows in (0, 1, 40):
        x = inputs(subject, layer, rows)
        dx, of_weights, dy = gradients(layer, x)
        fails_unless(
            dy.shape == (rows, *shape),
            f"the output of {rows} rows is {list(dy.shape)}, and output_shape says {[rows, *shape]}",
        )
        fails_unless(dx.shape == x.shape, f"the gradient of the input is {list(dx.shape)}, the input {list(x.shape)}")
        for name, gradient in of_weights.items():
            fails_unless(bool(gradient.isfinite().all()), f"the gradient of {name} for {rows} rows is not finite")
            fails_unless(rows > 0 or not gradient.any(), f"the gradient of {name} for no rows is not 0")
    layer.eval()
    if rows_depend(subject, layer):
        return
    x = inputs(subject, layer, 40)
    y, (dx, whole, dy) = run(layer, x).clone(), gradients(layer, x)
    parts, dx = [], dx.clone()
    for part in (slice(7), slice(7, None)):
        require_same("the output of a part of 40 rows", run(layer, x[part]), y[part])
        require_same("the gradient of a part of 40 rows", back(layer, dy[part]), dx[part])
        parts.append(of_parameters(layer))
    for name, gradient in whole.items():
        summed = parts[0][name] + parts[1][name]
        require_close(f"the gradient of {name} for 40 rows", gradient, summed, 1e-10, 1e-10, "7 and 33 of them give")


def rounds_at_once_equal_each_round_alone(subject: Layer) -> None:
    """Outputs and gradients of inputs and weights with a leading round axis, against each round by itself; and in
    evaluation rows without a round axis are taken by all rounds. A layer that draws is compared in evaluation, and in
    training draws for each round anew. Not of a layer that declares that it takes no round axis.
    """
    if not takes_rounds(subject):
        raise Skipped("it takes no round axis, and says so")
    for training in modes(subject):
        together = built_among_others(subject, ROUNDS).train(training)
        x = inputs(subject, together, *ROUNDS, N)
        y = run(together, x).clone()
        dx, of_weights, dy = gradients(together, x)
        for index in range(ROUNDS[0]):
            alone = built(subject).train(training)
            for name, parameter in alone.named_parameters().items():
                parameter.value.copy_(together.named_parameters()[name].value[index])
            require_same(f"the output of round {index}, among others,", y[index], run(alone, x[index]))
            require_same(f"the gradient of round {index}'s input", dx[index], back(alone, dy[index]))
            for name, parameter in alone.named_parameters().items():
                require_same(f"the gradient of round {index}'s {name}", of_weights[name][index], parameter.grad)
    together = built(subject, ROUNDS).eval()
    rows = inputs(subject, together, N)
    every = run(together, rows.expand(*ROUNDS, *rows.shape)).clone()
    require_same("the output for rows without a round axis", run(together, rows).expand(every.shape), every)
    together.train()
    same = inputs(subject, together, N).expand(*ROUNDS, N, *example_shape(subject, together))
    if draws(together, same):
        together.parameters.values = torch.ones_like(together.parameters.values)
        y = run(together, same)
        fails_unless(not torch.equal(y[0], y[1]), "what it draws for one round it draws for the next")


def dtype_is_kept(subject: Layer) -> None:
    """Outputs and gradients have the dtype of the input and the weights; in float32 they are what they are in float64,
    but for rounding.
    """
    found: dict[torch.dtype, list[Tensor]] = {}
    for dtype in (torch.float32, torch.float64):
        layer = built(subject, dtype=dtype).train(max(modes(subject)))
        x = inputs(subject, layer, N).to(dtype)
        y = run(layer, x)
        dx, of_weights, _ = gradients(layer, x)
        for name, tensor in {"output": y, "gradient of the input": dx}.items():
            fails_unless(tensor.dtype == dtype, f"the {name} is {tensor.dtype} for an input of {dtype}")
        for name, gradient in of_weights.items():
            fails_unless(gradient.dtype == dtype, f"the gradient of {name} is {gradient.dtype} for {dtype}")
        found[dtype] = [y.double(), dx.double()]
    for name, single, double in zip(("output", "gradient of the input"), *found.values(), strict=True):
        tolerance = 1e-5 * float(double.abs().max())
        require_close(f"the {name} in float32", single, double, tolerance, 1e-4, "in float64 it is")


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


def any_memory_layout_is_taken(subject: Layer) -> None:
    """Inputs and gradients that do not lie row by row, and such as repeat one number, as slices and means give them."""
    layer = built(subject).train(max(modes(subject)))
    x = inputs(subject, layer, N)
    y, (dx, _, dy) = run(layer, x).clone(), gradients(layer, x)
    dx, of_weights = dx.clone(), of_parameters(layer)
    require_same("the output of an input that does not lie row by row", run(layer, _apart(x)), y)
    require_same("the gradient where dy does not lie row by row", back(layer, _apart(dy)), dx)
    for name, gradient in of_parameters(layer).items():
        require_same(f"the gradient of {name} where dy does not lie row by row", gradient, of_weights[name])
    repeated = torch.ones((), dtype=dy.dtype).expand_as(dy)
    expected = back(layer, torch.ones_like(dy)).clone()
    require_same("the gradient for a dy that is one number, repeated", back(layer, repeated), expected)
    kept = x.clone()
    back(layer, dy)
    require_identical("the input", x, kept)


def _apart(tensor: Tensor) -> Tensor:
    """The same numbers, every second one of a larger memory and in the order of columns."""
    memory = torch.zeros(*tensor.shape[1:], tensor.shape[0], 2, dtype=tensor.dtype)
    spread = memory[..., 0].movedim(-1, 0)
    return spread.copy_(tensor)
