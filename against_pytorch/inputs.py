"""What PyTorch tests its own modules and optimizers with, as its wheel brings it."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.testing._internal import common_nn
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_optimizers import _get_optim_inputs_including_global_cliquey_kwargs, optim_db

MODULES: dict[str, Any] = {info.module_cls.__name__: info for info in module_db}
OPTIMIZERS: dict[str, Any] = {info.optim_cls.__name__: info for info in optim_db}


@dataclass(frozen=True)
class Input:
    """One input: what PyTorch's class is built with, and what the test of a module calls it with."""

    name: str
    build: Callable[..., Any]
    """Builds PyTorch's module; its optimizer, for the parameters that it is given."""
    arguments: Mapping[str, Any]
    """All arguments of the constructor, defaults too."""
    tensors: tuple[Tensor, ...] = ()
    training: bool = True

    def module(self) -> nn.Module:
        """A new module in float64, in training or evaluation; no parameter is 0 or 1, which would hide mistakes."""
        torch.manual_seed(0)
        module: nn.Module = self.build().to(torch.float64)
        with torch.no_grad():
            module(*self.tensors)  # running means have learned something, and a lazy module has parameters
            for parameter in module.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        return module.train(self.training)


@functools.cache
def module_inputs(name: str) -> list[Input]:
    """All inputs of the module of this name in `torch.nn`: those of `module_db`, then those of `common_nn`."""
    with warnings.catch_warnings(action="ignore"):  # of what will be otherwise some day
        return [
            Input(
                f"{number} {about or 'plain'}, {mode}", build, _arguments(build, tensors), tensors, mode == "training"
            )
            for number, (about, build, tensors, mode) in enumerate([*_of_module_db(name), *_of_common_nn(name)])
        ]


@functools.cache
def optimizer_inputs(name: str) -> list[Input]:
    """All inputs of the optimizer of this name, each in all of the implementations that PyTorch has of it on a CPU."""
    inputs = _get_optim_inputs_including_global_cliquey_kwargs("cpu", torch.float64, OPTIMIZERS[name])
    optimizer: Any = OPTIMIZERS[name].optim_cls
    defaults = {key: one.default for key, one in inspect.signature(optimizer).parameters.items() if key != "params"}
    return [
        Input(f"{number} {one.desc}", functools.partial(optimizer, **one.kwargs), {**defaults, **one.kwargs})
        for number, one in enumerate(inputs)
    ]


MODES = ("training", "evaluation")
_Found = Iterator[tuple[str, Callable[[], nn.Module], tuple[Tensor, ...], str]]


def _of_module_db(name: str) -> _Found:
    if name not in MODULES:
        return
    info = MODULES[name]
    for mode in MODES:
        torch.manual_seed(0)
        asked = {"device": "cpu", "dtype": torch.float64, "requires_grad": False, "training": mode == "training"}
        for one in info.module_inputs_func(info, **asked):
            made, given = one.constructor_input, one.forward_input
            build = functools.partial(info.module_cls, *made.args, **made.kwargs)
            yield one.desc, build, (*given.args, *given.kwargs.values()), mode


def _of_common_nn(name: str) -> _Found:
    for test in _tests_of_common_nn():
        title = test.get("fullname") or "_".join(filter(None, [test["module_name"], test.get("desc")]))
        if not (test.get("module_name") == name or title.startswith((f"{name}_", f"{name} "))):
            continue
        constructor = test.get("constructor") or getattr(nn, test["module_name"])
        build = functools.partial(constructor, *test.get("constructor_args", ()))
        if type(build()).__name__ != name:  # a function in a module's clothes
            continue
        torch.manual_seed(0)
        tensors = tuple(_tensor(test, what) for what in ("input", "target") if _has(test, what))
        for mode in MODES:
            yield title, build, tensors, mode


@functools.cache
def _tests_of_common_nn() -> list[Mapping[str, Any]]:
    more: Any = common_nn.get_new_module_tests  # it has no types
    return [*common_nn.module_tests, *more(), *common_nn.criterion_tests]


def _has(test: Mapping[str, Any], what: str) -> bool:
    return any(f"{what}{how}" in test for how in ("", "_fn", "_size"))


def _tensor(test: Mapping[str, Any], what: str) -> Tensor:
    made = test[f"{what}_fn"]() if f"{what}_fn" in test else test.get(what)
    tensor: Tensor = torch.randn(test[f"{what}_size"]) if made is None else made
    return tensor.double() if tensor.is_floating_point() else tensor


def _arguments(build: Callable[[], nn.Module], tensors: tuple[Tensor, ...]) -> dict[str, Any]:
    """What a module was built with, from its attributes: some tests hide it within a function."""
    module = build()
    if any(isinstance(parameter, nn.UninitializedParameter) for parameter in module.parameters()):
        module.to(torch.float64)(*tensors)
    parameters = inspect.signature(type(module)).parameters
    found = {name: getattr(module, name) for name in parameters if hasattr(module, name)}
    if "bias" in found:
        found["bias"] = found["bias"] is not None and found["bias"] is not False
    if not found.get("affine", found.get("elementwise_affine", True)):
        found.pop("bias", None)  # it says nothing
    return found
