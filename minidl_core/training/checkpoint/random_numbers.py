"""Random numbers of a training's own: those of torch, of Python and of NumPy that layers draw."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from minidl_core.errors import ModelFileError, RequestError
from minidl_core.persistence.strict_json import shown
from minidl_core.seeding import generator
from minidl_core.training.capture.random_state import random_state, set_random_state
from minidl_core.training.checkpoint.state import State, require_like


class RandomNumbers:
    """The default generators' states."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Draw from a seed, and afterwards go on as before."""
        before = self.state()
        own = generator(seed, "draws").initial_seed()
        torch.default_generator.manual_seed(own)
        if self._device.type == "cuda":
            torch.cuda.manual_seed_all(own)
        random.seed(own)
        np.random.seed(own % 2**32)
        try:
            yield
        finally:
            self.resume(before)

    def state(self) -> State:
        states = random_state(self._device)
        of_numpy: Any = np.random.get_state(legacy=False)
        if of_numpy["bit_generator"] != "MT19937":
            raise RequestError(
                f"NumPy's global generator is {of_numpy['bit_generator']}, which a training cannot seed; "
                "np.random.set_bit_generator(np.random.MT19937()) sets the usual one"
            )
        key = of_numpy["state"]["key"].tolist()
        rest = [of_numpy["state"]["pos"], of_numpy["has_gauss"], of_numpy["gauss"]]
        tensors = dict(zip(("torch", "cuda"), states, strict=False))
        return State(tensors, {"python": random.getstate(), "numpy": [key, *rest]})

    def resume(self, state: State) -> None:
        states = [
            require_like(name, state.tensors.get(name, own[:0]), own) for name, own in self.state().tensors.items()
        ]
        try:
            set_random_state(self._device, [], states)
            (version, words, gauss), (key, place, *of_gauss) = state.numbers["python"], state.numbers["numpy"]
            if not (gauss is None or isinstance(gauss, float)):
                raise ValueError(f"{shown(gauss)} is no number")
            # NumPy takes any place, and would read there, beyond its words.
            if type(place) is not int or not 0 <= place <= len(key):
                raise ValueError(f"{shown(place)} is no place among {len(key)} words")
            random.setstate((version, tuple(words), gauss))
            np.random.set_state(("MT19937", key, place, *of_gauss))
        except (TypeError, ValueError, KeyError, IndexError, RuntimeError, OverflowError) as error:
            raise ModelFileError(f"the checkpoint has no states of generators of random numbers: {error}") from None
