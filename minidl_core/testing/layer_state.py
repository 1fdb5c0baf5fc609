"""What a layer keeps, shares, saves, and how it changes between training and evaluation."""

from __future__ import annotations

import copy

import safetensors.torch
import torch

from minidl_core.errors import CallOrderError
from minidl_core.nn import Module
from minidl_core.nn.buffers import buffers_of
from minidl_core.testing.differences import require_identical
from minidl_core.testing.layer_derivatives import require_input_derivative, require_rows_independent
from minidl_core.testing.layer_subject import SEED, Layer, N, back, built, gradients, inputs, of_parameters, run
from minidl_core.testing.result import CheckFailed, Skipped, fails_unless
from minidl_core.testing.subject import sample


def inputs_and_weights_are_left_as_they_were(subject: Layer) -> None:
    """Neither x, nor dy, nor a weight is changed by forward or backward."""
    layer = built(subject)
    x = inputs(subject, layer, N)
    dy = sample(*run(built(subject), x.clone()).shape, seed=3)
    before = x.clone(), dy.clone(), layer.parameters.values.clone()
    run(layer, x)
    require_identical("the input, after forward,", x, before[0])
    back(layer, dy)
    require_identical("the input, after backward,", x, before[0])
    require_identical("dy, after backward,", dy, before[1])
    require_identical("a weight, after both,", layer.parameters.values, before[2])


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
    require_identical("the gradient of the input, from a second backward,", back(layer, dy), dx)
    for name, gradient in of_parameters(layer).items():
        require_identical(f"the gradient of {name}, from a second backward,", gradient, first[name])


def what_was_before_changes_nothing(subject: Layer) -> None:
    """A layer that was used before gives what a new one gives; and what it gave stays as it was."""
    new, used = built(subject), built(subject)
    first, x = inputs(subject, new, N, seed=30), inputs(subject, new, N)
    given = run(used, first)
    dy = sample(*given.shape, seed=3)
    kept = given, back(used, dy)
    as_they_were = [tensor.clone() for tensor in kept]
    for what, ours, theirs in (
        ("the output", run(used, x), run(new, x)),
        ("the gradient of the input", back(used, dy), back(new, dy)),
    ):
        require_identical(f"{what}, after another batch was used,", ours, theirs)
    for what, tensor, before in zip(("an output", "a gradient"), kept, as_they_were, strict=True):
        require_identical(f"{what} that was given, after the next batch,", tensor, before)


def two_layers_share_nothing(subject: Layer) -> None:
    """Two layers of the same arguments, and a layer and its copy: what one is given changes nothing for the other."""
    for another in (lambda _: built(subject), copy.deepcopy):
        one = built(subject)
        x = inputs(subject, one, N)
        dx, of_weights, dy = gradients(one, x)
        dx = dx.clone()
        other: Module = another(one)
        other.parameters.values = sample(*other.parameters.values.shape, seed=12)
        run(one, x)
        gradients(other, inputs(subject, other, N, seed=13))
        require_identical("the gradient of the input, after another layer was used,", back(one, dy), dx)
        for name, gradient in of_parameters(one).items():
            require_identical(f"the gradient of {name}, after another layer was used,", gradient, of_weights[name])


def every_layer_within_is_found(subject: Layer) -> None:
    """Each is an attribute, or given by `children()`: else its weights are not trained and its mode is not set."""
    layer = built(subject)
    found = {id(within) for within in layer.layers_within().values()}
    for name, value in vars(layer).items():
        held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        for one in held:
            fails_unless(
                not isinstance(one, Module) or id(one) in found, f"a layer in '{name}' is not among its `children()`"
            )


def backward_before_forward_is_refused(subject: Layer) -> None:
    """With CallOrderError, where backward needs something of forward; keep that in `saved()`."""
    layer, used = built(subject), built(subject)
    x = inputs(subject, layer, N)
    dx, _, dy = gradients(used, x)
    try:
        found = layer.backward(dy)
    except CallOrderError:
        return
    except Exception as error:
        raise CheckFailed(
            f"it raises {type(error).__name__} and not CallOrderError: {error}; declare what forward keeps with saved()"
        ) from error
    fails_unless(
        isinstance(found, torch.Tensor) and torch.equal(found, dx), "it is not refused, and gives a wrong gradient"
    )
    raise Skipped("backward needs nothing of forward")


def it_is_saved_and_loaded_as_it_is(subject: Layer) -> None:
    """Its spec and its tensors, those that it has learned beside its parameters too, through the bytes of a model file,
    give the same outputs bit for bit, after training too.
    """
    subject.require_registered()
    layer = built(subject)
    gradients(layer, inputs(subject, layer, N, seed=30))
    layer.eval()
    loaded = subject.from_spec(str(layer)).initialize([1], dtype=torch.float64).eval()
    tensors = {name: parameter.value.contiguous() for name, parameter in layer.named_parameters().items()}
    fails_unless(
        tensors.keys() == loaded.named_parameters().keys(),
        f"its tensors are {sorted(tensors)}, those of its spec '{layer}' {sorted(loaded.named_parameters())}",
    )
    learned, new = _buffers(layer), _buffers(loaded)
    for name in sorted(new):
        fails_unless(name in learned, f"it has lost its tensor '{name}'")
        found, expected = list(learned[name].shape), list(new[name].shape)
        fails_unless(found == expected, f"its tensor '{name}' is {found} and was {expected} when it was built")
    # What it did not have when it was built is in no file.
    tensors.update({name: learned[name].contiguous() for name in new})
    stored = safetensors.torch.load(safetensors.torch.save(tensors))
    for name, parameter in loaded.named_parameters().items():
        parameter.value.copy_(stored[name])
    for place, within in loaded.layers_within().items():
        for name in buffers_of(within):
            setattr(within, name, stored[f"{place}.{name}"])
    x = inputs(subject, layer, N)
    require_identical("the output, saved and loaded,", run(loaded, x), run(layer, x))


def _buffers(layer: Module) -> dict[str, torch.Tensor]:
    """All that layers learn beside their parameters, by place and name."""
    return {
        f"{place}.{name}": buffer
        for place, within in layer.layers_within().items()
        for name, buffer in buffers_of(within).items()
    }


def in_evaluation_nothing_is_drawn_and_rows_are_independent(subject: Layer) -> None:
    """After `eval()` outputs are the same each time, and the gradient is that of what is given. Rows may depend on each
    other where a layer says so, but on no order.
    """
    layer = built(subject)
    fails_unless(layer.eval() is layer, "eval() gives something else than the layer itself")
    modes = {within.training for within in layer.layers_within().values()}
    fails_unless(modes == {False}, "eval() does not reach every layer within it; is each among its `children()`?")
    x = inputs(subject, layer, N, seed=31)
    torch.manual_seed(SEED)
    first = layer.forward(x).clone()
    require_identical("the output in evaluation, the second time,", layer.forward(x), first)
    require_rows_independent(subject, training=False)
    dx, _, dy = gradients(layer, x)
    require_input_derivative(subject, "the gradient of the input in evaluation", layer, x, dx, dy)


def training_goes_on_after_evaluation(subject: Layer) -> None:
    """After `train()` outputs are what they were before `eval()`."""
    layer = built(subject)
    x = inputs(subject, layer, N)
    before = run(layer, x).clone()
    run(layer.eval(), inputs(subject, layer, N, seed=31))
    fails_unless(layer.train() is layer, "train() gives something else than the layer itself")
    require_identical("the output in training, after evaluation,", run(layer, x), before)
