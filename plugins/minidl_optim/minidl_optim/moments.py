"""What Adam and those after it have in common: running means of the gradient and of its square."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_optim.descent import Descent


class Moments(Descent):
    """m = β₁ m + (1 - β₁) g,   v = β₂ v + (1 - β₂) g².

    Args:
        betas: β₁ and β₂, each 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.

    The others are those of `Descent`.
    """

    def __init__(
        self,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        decay_biases: bool,
        maximize: bool,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases, maximize)
        require_betas(betas)
        require("eps", eps, eps > 0, "greater than 0")
        self.betas, self.eps = betas, eps

    def mean(self, parameters: FlatParameters, g: Tensor) -> Tensor:
        """m, with g taken into it."""
        return self.remembered("mean", parameters).lerp_(g, 1 - self.betas[0])

    def mean_square(self, parameters: FlatParameters, g: Tensor) -> Tensor:
        """v, with g taken into it."""
        v = self.remembered("mean_square", parameters)
        return v.mul_(self.betas[1]).addcmul_(g, g, value=1 - self.betas[1])

    def shrink(self, parameters: FlatParameters) -> None:
        self.remembered("mean", parameters)  # refuses parameters of another size before anything is changed
        super().shrink(parameters)


def require_betas(betas: tuple[float, float]) -> None:
    """Raise ArgumentError for betas of which one is out of range."""
    require("betas", betas, all(0 <= beta < 1 for beta in betas), "two numbers, each 0 or greater and less than 1")
