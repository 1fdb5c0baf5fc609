"""Operations as calls of torch functions that write into memory that is there already."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl_core.training.capture.elementwise import Elementwise
from minidl_core.training.capture.operations import Call, Operation, Value, replaced

COPIES = {
    "bool", "clone", "contiguous", "cpu", "cuda", "double", "flatten", "float", "half", "int", "long", "reshape", "to",
    "type", "type_as", "unflatten",
}  # fmt: skip
"""Functions whose result, where it is in new memory, is the argument's numbers in another type, shape or place."""

BOUNDS: dict[str, Callable[..., Tensor]] = {"maximum": torch.clamp_min, "minimum": torch.clamp_max}
"""What torch calls the greater or the lesser of a tensor and a number."""

DRAWS: dict[str, Callable[..., Any]] = {
    "rand": Tensor.uniform_,
    "rand_like": Tensor.uniform_,
    "randn": Tensor.normal_,
    "randn_like": Tensor.normal_,
}
"""Functions that make random numbers, and what fills a tensor with the same."""


def torch_calls(operation: Operation, tensor: Callable[[Value], Tensor]) -> list[Call]:
    """The calls of an operation, of which none allocates memory where torch has a form that does not."""
    args, kwargs = replaced((operation.args, operation.kwargs), Value, tensor)
    if operation.changes:
        return [functools.partial(operation.function, *args, **kwargs)]
    outputs = [tensor(output) for output in operation.outputs]
    if operation.name in COPIES and isinstance(args[0], Tensor):
        return [functools.partial(outputs[0].view(args[0].shape).copy_, args[0])]
    if operation.name in DRAWS:
        return [functools.partial(DRAWS[operation.name], outputs[0], generator=kwargs.get("generator"))]
    if operation.is_product and args[0].dim() == args[1].dim() in (2, 3):
        product = torch.mm if args[0].dim() == 2 else torch.bmm
        return [functools.partial(product, *args, out=outputs[0])]
    function = getattr(torch, operation.name, None)
    if len(outputs) == 1 and callable(function) and not operation.draws:
        call = functools.partial(function, *args, **kwargs)
        if _takes_output(call, outputs[0]):
            return [functools.partial(call, out=outputs[0])]
    return [functools.partial(_copied, functools.partial(operation.function, *args, **kwargs), outputs)]


def elementwise_call(form: Elementwise, tensor: Callable[[Value], Tensor]) -> Call:
    """A call of torch's function of that name. A number within is a tensor too, which costs torch less to take."""
    if form.name in BOUNDS and not all(isinstance(one, Value) for one in form.inputs):
        [x] = [tensor(one) for one in form.inputs if isinstance(one, Value)]
        [bound] = [one for one in form.inputs if not isinstance(one, Value)]
        return functools.partial(BOUNDS[form.name], x, bound, out=tensor(form.output))
    compared = next(one.dtype for one in form.inputs if isinstance(one, Value))
    computed = compared if form.output.dtype == torch.bool else form.output.dtype
    # A choice would bring it to a GPU each time; the others take it from the CPU along with the launch.
    place = tensor(form.output).device if form.name == "where" else torch.device("cpu")
    inputs = []
    for one in form.inputs:
        # Where tensors are of whole numbers, a fraction stays one; but torch takes none as the first, or to choose.
        is_tensor = computed.is_floating_point or one is form.inputs[0] or form.name == "where"
        number = torch.tensor(one, dtype=computed, device=place) if is_tensor and not isinstance(one, Value) else one
        inputs.append(tensor(one) if isinstance(one, Value) else number)
    keywords = replaced(form.keywords, Value, tensor)
    return functools.partial(getattr(torch, form.name), *inputs, **keywords, out=tensor(form.output))


def _takes_output(call: Call, output: Tensor) -> bool:
    """Whether a call can be told where to write; tried on memory of its own."""
    trial = torch.empty_strided(output.shape, output.stride(), dtype=output.dtype, device=output.device)
    place = trial.data_ptr(), trial.shape, trial.stride()
    try:
        call(out=trial)
    except (TypeError, RuntimeError, NotImplementedError):
        return False
    return place == (trial.data_ptr(), trial.shape, trial.stride())


def _copied(call: Callable[[], Any], outputs: list[Tensor]) -> None:
    """The way for functions without a form that writes into memory: what they make is copied there."""
    results: list[Tensor] = []
    replaced(call(), Tensor, results.append)
    for output, result in zip(outputs, results, strict=True):
        if output.shape != result.shape:
            raise RuntimeError(f"a result of {list(result.shape)}, where {list(output.shape)} was recorded")
        output.copy_(result)
