"""What a model learns: one flat tensor, and named views into it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from minidl_core.errors import RequestError, ShapeError
from minidl_core.nn.initializers import Initializer
from minidl_core.seeding import generator
from minidl_core.spec.limits import MAX_PARAMETERS


class Parameter:
    """A view into a model's flat values and gradients, `[*rounds, *shape]`.

    A layer declares its parameters with their shapes; memory comes with the first use: that of the whole model
    where a model is initialized, or that of this parameter alone.
    """

    def __init__(
        self, shape: tuple[int, ...], init: Initializer | str, fan_in: int, fan_out: int, *, is_scale: bool = False
    ) -> None:
        self.shape, self.init, self.fan_in, self.fan_out = shape, Initializer.of(init), fan_in, fan_out
        self.is_scale = is_scale or len(shape) <= 1
        """Whether it is a bias, or the scale of a norm, which some leave out of a weight decay."""
        self._bound: tuple[Tensor, Tensor] | None = None

    @property
    def size(self) -> int:
        """How many numbers it has in one round."""
        return math.prod(self.shape)

    @property
    def is_bound(self) -> bool:
        """Whether it has memory, and so values."""
        return self._bound is not None

    @property
    def value(self) -> Tensor:
        """`[*rounds, *shape]`"""
        return self._memory()[0]

    @property
    def grad(self) -> Tensor:
        """`[*rounds, *shape]`; assigning writes into the flat gradient. Raises ShapeError on any other shape."""
        return self._memory()[1]

    @grad.setter
    def grad(self, grad: Tensor) -> None:
        if grad.shape != self.grad.shape:
            raise ShapeError(f"a gradient of shape {list(grad.shape)} for a parameter of {list(self.grad.shape)}")
        self.grad.copy_(grad)

    def bind(self, value: Tensor, grad: Tensor) -> None:
        """Take these as its memory."""
        self._bound = value, grad

    def _memory(self) -> tuple[Tensor, Tensor]:
        """Value and gradient; of its own where it is no part of a model with memory."""
        if self._bound is None:
            self._bound = torch.empty(self.shape), torch.zeros(self.shape)
            self.draw([None])
        return self._bound

    def draw(self, generators: Sequence[Generator | None]) -> None:
        """Draw new values, those of each round from its own generator."""
        rounds = self.value.view(-1, *self.shape) if self.value.dim() > len(self.shape) else self.value.unsqueeze(0)
        for value, random in zip(rounds, generators, strict=True):
            value.copy_(self.init(self.shape, self.fan_in, self.fan_out, random))


class FlatParameters:
    """All parameters of a model: `values` and `grads`, both `[*rounds, P]`, one row a round.

    Args:
        named: the parameters by name, in the order in which they lie in a row. Their present values are kept where
            neither `seeds` nor `rounds` is given, and so are their gradients, rounds, dtype and device.
        seeds: one a round, to draw new values from; several seeds give a round axis.
        rounds: the round axes of values that are all 0, to be written.
        dtype, device: of both tensors, where there are no present values.

    Raises RequestError where present values differ in rounds, dtype or device, or all are too many.
    """

    def __init__(
        self,
        named: dict[str, Parameter],
        *,
        seeds: Sequence[int] | None = None,
        rounds: tuple[int, ...] | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.named = named
        keeps = seeds is None and rounds is None
        draws = rounds is None
        rounds = rounds or ((len(seeds),) if seeds is not None and len(seeds) > 1 else ())
        present = {name: (p.value, p.grad) for name, p in named.items() if keeps and p.is_bound}
        if present:
            rounds, dtype, device = _in_common([named[name] for name in present])
        size = sum(parameter.size for parameter in named.values())
        if math.prod(rounds) * size > MAX_PARAMETERS:
            raise RequestError(
                f"{math.prod(rounds)} rounds of {size} parameters are more than {MAX_PARAMETERS:.0e} numbers; "
                "train fewer rounds at once or a smaller model"
            )
        self._values = torch.zeros(*rounds, size, dtype=dtype, device=device)
        if draws:
            self._grads = torch.zeros_like(self._values)
        else:  # NumPy's zeros take no memory before they are written, and a model that predicts needs no gradients
            self._grads = torch.from_numpy(np.zeros(self._values.shape, self._values.numpy().dtype))
        for name, value, grad in self._views():
            named[name].bind(value, grad)
        if not draws:
            return
        if seeds is None:
            for name, parameter in named.items():
                if name in present:
                    value, grad = present[name]
                    parameter.value.copy_(value)
                    parameter.grad = grad
                else:
                    parameter.draw([None] * math.prod(rounds))
        else:
            generators = [generator(seed, "weights") for seed in seeds]
            for parameter in named.values():
                parameter.draw(generators)

    @property
    def values(self) -> Tensor:
        """`[*rounds, P]`; assigning writes into it, since each parameter is a view of this memory."""
        return self._values

    @values.setter
    def values(self, values: Tensor) -> None:
        _write(values, self._values)

    @property
    def grads(self) -> Tensor:
        """`[*rounds, P]`, as `values`."""
        return self._grads

    @grads.setter
    def grads(self, grads: Tensor) -> None:
        _write(grads, self._grads)

    @property
    def rounds(self) -> tuple[int, ...]:
        """The round axes: `()` for a model without, else `(R,)`."""
        return tuple(self.values.shape[:-1])

    def holds(self, parameters: Iterable[Parameter]) -> bool:
        """Whether these are views into this memory still."""
        start = self.values.untyped_storage().data_ptr()
        return all(p.is_bound and p.value.untyped_storage().data_ptr() == start for p in parameters)

    def _views(self) -> Iterable[tuple[str, Tensor, Tensor]]:
        start = 0
        for name, parameter in self.named.items():
            part = slice(start, start + parameter.size)
            start = part.stop
            yield (
                name,
                self.values[..., part].view((*self.rounds, *parameter.shape)),
                self.grads[..., part].view((*self.rounds, *parameter.shape)),
            )


def _write(new: Tensor, memory: Tensor) -> None:
    if new is memory:  # after an operation in place
        return
    if new.shape != memory.shape:
        raise ShapeError(f"{list(new.shape)} numbers for parameters of {list(memory.shape)}")
    memory.copy_(new)


def _in_common(parameters: Sequence[Parameter]) -> tuple[tuple[int, ...], torch.dtype, torch.device]:
    """The round axes, the dtype and the device of parameters that have values."""
    found = {(p.value.shape[: p.value.dim() - len(p.shape)], p.value.dtype, p.value.device) for p in parameters}
    if len(found) > 1:
        kinds = "; ".join(sorted(f"rounds {list(rounds)}, {dtype}, {device}" for rounds, dtype, device in found))
        raise RequestError(f"layers with different weights are in one model ({kinds}); initialize the whole model")
    [(rounds, dtype, device)] = found
    return tuple(rounds), dtype, device
