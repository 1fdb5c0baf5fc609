"""The base class of all optimizers."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from minidl_core.errors import RequestError
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec.component import Component


class Optimizer(Component):
    """Updates flat values `w` from flat gradients `g`, both `[*rounds, P]`.

    What it remembers is `steps`, how many it has taken, and named tensors in `state`, each as large as `w`, or
    `[*rounds, 1]` where it is one number a round: all that must be saved to go on later.
    """

    kind: ClassVar[str] = "optimizer"
    steps: int = 0
    lr: float | Tensor
    """The learning rate, a number or a tensor `[*rounds, 1]`, of an optimizer that has one."""

    @abstractmethod
    def step(self, parameters: FlatParameters) -> None:
        """One update of `parameters.values` in place, from `parameters.grads`."""

    def averaged(self, parameters: FlatParameters) -> Tensor | None:
        """The weights that a model is evaluated and kept with, as large as the values, where these are others than the
        ones that are trained: an average of them. None where they are the same.
        """
        return None

    def remembered(
        self, name: str, parameters: FlatParameters, initial: float | Tensor = 0.0, size: int | None = None
    ) -> Tensor:
        """A tensor of the state, as large as the values, or `[*rounds, size]`; made at its first use.

        Raises RequestError where it was made for a model of another size.
        """
        values = parameters.values
        shape = values.shape if size is None else (*values.shape[:-1], size)
        if name not in self.state:
            self.state[name] = values.new_zeros(shape).add_(initial)
        if self.state[name].shape != shape:
            raise RequestError(
                f"{self} has learned {list(self.state[name].shape)} parameters and is given {list(values.shape)}; "
                "take a new optimizer for another model"
            )
        return self.state[name]

    @property
    def state(self) -> dict[str, Tensor]:
        """What is remembered from step to step, by name."""
        state: dict[str, Tensor] = self.__dict__.setdefault("_state", {})
        return state


def optimizers_within(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizer itself, and any that it steps with, at any depth."""
    inner = (value for value in vars(optimizer).values() if isinstance(value, Optimizer))
    return [optimizer, *(one for each in inner for one in optimizers_within(each))]
