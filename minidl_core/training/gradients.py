"""What becomes of the gradients of a loss before the optimizer takes its step."""

from __future__ import annotations

from minidl_core.errors import require
from minidl_core.nn import FlatParameters


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

    def __init__(self, clip_norm: float | None = None, l1: float = 0.0, l2: float = 0.0) -> None:
        require("clip_norm", clip_norm, clip_norm is None or 0 < clip_norm < float("inf"), "greater than 0")
        for name, value in ("l1", l1), ("l2", l2):
            require(name, value, 0 <= value < float("inf"), "0 or greater, and finite")
        self.clip_norm, self.l1, self.l2 = clip_norm, l1, l2

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
