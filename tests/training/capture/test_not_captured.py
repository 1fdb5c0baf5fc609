"""What cannot be captured is noticed, runs plainly, and says why."""

from __future__ import annotations

import itertools
import logging
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from small_trainings import assert_same, trained
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.errors import DataError
from minidl_core.losses import MSE
from minidl_core.nn import FlatParameters, Linear, Module, Sequential, saved
from minidl_core.optim import SGD
from minidl_core.training import fit
from minidl_core.training.capture.agreement import MANY_NUMBERS, disagreement


class Counting(Module):
    """One whose formula changes with a number that it counts up."""

    def __init__(self) -> None:
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x / self.calls

    def backward(self, dy: Tensor) -> Tensor:
        return dy / self.calls


class Deciding(Module):
    """One whose formula depends on the numbers that it is given."""

    positive: Any = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.positive = bool(x.sum() > 0)
        return x if self.positive else 2 * x

    def backward(self, dy: Tensor) -> Tensor:
        return dy if self.positive else 2 * dy


class InPython(Deciding):
    """The same by way of NumPy."""

    def forward(self, x: Tensor) -> Tensor:
        self.positive = x.numpy().sum() > 0
        return x if self.positive else 2 * x


class Hidden(Module):
    """One that counts where no one sees it."""

    factor: float = saved()
    count = itertools.count(1)

    def forward(self, x: Tensor) -> Tensor:
        self.factor = 1 / next(self.count)
        return x * self.factor

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.factor


class Listing(Counting):
    """One that counts within a list."""

    def __init__(self) -> None:
        self.counts = [{"calls": 0}]

    def forward(self, x: Tensor) -> Tensor:
        self.counts[0]["calls"] += 1
        return x / self.counts[0]["calls"]

    def backward(self, dy: Tensor) -> Tensor:
        return dy / self.counts[0]["calls"]


class Tossing(Deciding):
    """One that draws numbers which are not torch's."""

    def forward(self, x: Tensor) -> Tensor:
        self.positive = random.random() < 0.5
        return x if self.positive else 2 * x


class TossingNumPy(Deciding):
    """The same of NumPy's."""

    def forward(self, x: Tensor) -> Tensor:
        self.positive = bool(np.random.rand() < 0.5)
        return x if self.positive else 2 * x


class TossingItsOwn(Deciding):
    """The same of a generator of its own."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)

    def forward(self, x: Tensor) -> Tensor:
        self.positive = bool(self.generator.random() < 0.5)
        return x if self.positive else 2 * x


class Masking(Module):
    """One with a tensor of as many numbers as are above 0."""

    scale: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.scale = 1 + x[x > 0].sum() / 100
        return x * self.scale.detach()

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.scale


class Turning(Module):
    """One that turns a tensor in place, which a replay would turn again."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y.transpose_(-1, -2).mul_(2)
        return y.mT

    def backward(self, dy: Tensor) -> Tensor:
        return 2 * dy


@pytest.mark.parametrize(
    ("layer", "obstacle"),
    [
        (Counting, "changes its 'calls' in Python"),
        (Deciding, "test_not_captured.py gives Python the numbers of a tensor ('__bool__')"),
        (Listing, "changes its 'counts' in Python"),
        (Tossing, "numbers are drawn that are not torch's"),
        (TossingNumPy, "numbers are drawn that are not torch's"),
        (TossingItsOwn, "changes its 'generator' in Python"),
        (Masking, "makes a tensor whose shape depends on numbers ('__getitem__')"),
        (Turning, "changes the shape of a tensor in place ('transpose_')"),
        (InPython, "test_not_captured.py gives Python the numbers of a tensor ('numpy')"),
    ],
)
def test_a_layer_that_cannot_be_captured_runs_plainly_and_says_so(
    layer: type[Module], obstacle: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "minidl"):
        random.seed(0)
        np.random.seed(0)
        captured = trained(layer())
    message = caplog.messages[0]
    assert message.startswith("a training step is not captured, and runs more slowly: ")
    assert obstacle in message
    random.seed(0)
    np.random.seed(0)
    assert_same(captured, trained(layer(), capture=False))


def test_a_frozen_number_is_found_by_the_check(caplog: pytest.LogCaptureFixture) -> None:
    trained(Hidden())
    assert "a replay is not the same as a plain run" in caplog.text


class Choosing(Module):
    """The row of a table for each index, which raises where there is none."""

    rows: Tensor = saved()

    def __init__(self, words: bool) -> None:
        self.words = words

    def forward(self, x: Tensor) -> Tensor:
        table = x.new_ones(1, 4)
        try:
            self.rows = (x[..., 0] > 1e3).long().reshape(-1, 1).expand(-1, 4)
            return x * table.gather(0, self.rows).reshape(x.shape)
        except RuntimeError:
            if self.words:
                raise DataError("in a layer's own words") from None
            raise

    def backward(self, dy: Tensor) -> Tensor:
        return dy


@pytest.mark.parametrize("words", [True, False])
def test_a_layer_says_in_its_own_words_what_a_replay_fails_at(words: bool, caplog: pytest.LogCaptureFixture) -> None:
    def after_epoch(epoch: int, *_: object) -> None:
        if epoch == 3:
            numbers[:] = 1e6

    numbers = torch.rand(24, 4, dtype=torch.float64)
    model = Sequential(Choosing(words), Linear(4, 4)).initialize([0], dtype=torch.float64)
    with pytest.raises(DataError if words else RuntimeError, match="own words" if words else "out of bounds"):
        fit(model, Examples(numbers, numbers), MSE(), SGD(0.1), epochs=5, batch_size=8, seeds=[0], on_epoch=after_epoch)
    assert caplog.messages == []


class Forgetting(SGD):
    """One that sets a single weight, another in each step, where no one sees which."""

    count = itertools.count(1)

    def step(self, parameters: FlatParameters) -> None:
        super().step(parameters)
        parameters.values[..., 1000 * next(self.count)] = 0.1


def test_a_single_frozen_number_is_found_in_a_large_model(caplog: pytest.LogCaptureFixture) -> None:
    model = Sequential(Linear(1024, 1024)).initialize([0])
    assert model.parameters.values.numel() >= MANY_NUMBERS
    x = torch.rand(8, 1024)
    fit(model, Examples(x, x), MSE(), Forgetting(0.1), epochs=4, batch_size=8, seeds=[0])
    assert "a replay is not the same as a plain run" in caplog.text


@pytest.mark.parametrize("plain", [[1.0, 1, 1], [math.nan, 1, 1], [math.inf, 1, 1]])
@pytest.mark.parametrize("replayed", [[math.nan, 1, 1], [1.0, math.nan, 1], [1.0, math.inf, 1]])
def test_a_number_that_is_none_in_one_run_alone_is_a_difference(plain: list[float], replayed: list[float]) -> None:
    one, other, size = torch.tensor(replayed), torch.tensor(plain), torch.tensor(2.0)
    expected = 0.0 if str(replayed) == str(plain) else math.inf
    assert disagreement(one, other, size) == disagreement(other, one, size) == expected
    assert disagreement(one, one, size) == disagreement(other, other, size) == 0
