"""What a component says of itself to the conformance kit, `minidl_core.testing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Conformance:
    """What the kit must know of a component beyond its code. Most need nothing of it."""

    examples: tuple[Mapping[str, Any], ...] = ()
    """Arguments to build it with, by name; the first are the ones that others vary. Without any: the defaults. Each
    argument that no example gives is varied too: a flag turned, another choice, another number."""
    input_shape: tuple[int, ...] = (3,)
    """Of one example that a layer is given, where its arguments do not say it."""
    whole_inputs: int | None = None
    """A layer's inputs are whole numbers from 0 to this, exclusive, such as indices; None for any numbers."""
    rows_depend: Callable[[Any, bool], bool] | None = None
    """Whether a layer's rows depend on each other, in training (True) or evaluation (False): of one that normalises
    over a batch `lambda self, training: training`. None says that they never do."""
    refused: tuple[Mapping[str, Any], ...] = ()
    """Changes to the arguments of an example that must each be refused."""
    unbounded: tuple[str, ...] = ()
    """Arguments that may be any finite number."""
    outputs: Callable[[Any, Any], Any] | None = None
    """Outputs that a loss has a value for, made of any ones: `lambda self, y: y.abs()` for a loss of rates."""
    first_step: Callable[[Any, Any, Any], Any] | None = None
    """The weights after an optimizer's first step in closed form: `lambda self, w, g: w - self.lr * g`."""
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    """Why it does not pass a check, by the check's name. A check that is passed after all is then a failure."""
