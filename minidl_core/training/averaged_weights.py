"""The weights that a model is evaluated and kept with, where an optimizer averages those that it trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minidl_core.nn import FlatParameters
from minidl_core.optim import Optimizer


class AveragedWeights:
    """Those of an optimizer; where it averages nothing, all of this does nothing."""

    def __init__(self, optimizer: Optimizer, parameters: FlatParameters) -> None:
        self._optimizer, self._parameters = optimizer, parameters

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have them for a while."""
        averaged = self._optimizer.averaged(self._parameters)
        if averaged is None:
            yield
            return
        trained = self._parameters.values.clone()
        self._parameters.values.copy_(averaged)
        try:
            yield
        finally:
            self._parameters.values.copy_(trained)

    def keep(self) -> None:
        """Let the model have them for good."""
        if (averaged := self._optimizer.averaged(self._parameters)) is not None:
            self._parameters.values.copy_(averaged)
