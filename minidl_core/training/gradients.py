"""What becomes of the gradients of a loss before the optimizer takes its step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from minidl_core.errors import require
from minidl_core.nn import FlatParameters


@dataclass(frozen=True)
class Gradients:
    """Adds the gradients of penalties on all parameters, and limits the norm; each round by itself.

    The loss becomes loss + l1 Σ|w| + l2/2 Σw², its gradient g + l1 sign(w) + l2 w; so `l2` is what PyTorch's SGD calls
    weight_decay. Then g ← g min(1, clip_norm / (‖g‖ + 1e-6)), as `torch.nn.utils.clip_grad_norm_`. Sources: Tibshirani
    1996, J. Royal Statistical Society B 58(1), for l1; Krogh and Hertz 1991, NIPS, for l2; Pascanu, Mikolov and Bengio
    2013, ICML, algorithm 1.

    Args:
        clip_norm: the greatest Euclidean norm of a round's gradient, greater than 0; None sets no limit.
        l1, l2: weights of the penalties, 0 or greater.
    """

    clip_norm: float | None = None
    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        limit = self.clip_norm
        is_limit = limit is None or (isinstance(limit, Real) and 0 < limit < math.inf)
        require("clip_norm", limit, is_limit, "greater than 0 and finite")
        for name, value in ("l1", self.l1), ("l2", self.l2):
            require(name, value, isinstance(value, Real) and 0 <= value < math.inf, "0 or greater, and finite")

    def __call__(self, parameters: FlatParameters) -> None:
        """Change `parameters.grads` in place."""
        w, g = parameters.values, parameters.grads
        if self.l1:
            g += self.l1 * w.sign()
        if self.l2:
            g += self.l2 * w
        if self.clip_norm is not None:
            norm = (g**2).sum(-1, keepdim=True).sqrt()
            g *= (self.clip_norm / (norm + 1e-6)).clamp(max=1)
