"""A training that was interrupted, and goes on in another process, is bit for bit the one that was not."""

from __future__ import annotations

import copy
import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from small_trainings import OPTIMIZERS
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import MSE
from minidl_core.nn import Module, Sequential, saved
from minidl_core.optim import Optimizer
from minidl_core.schedules import Progress, Schedule
from minidl_core.spec import build_model
from minidl_core.training import fit
from minidl_core.training.capture import program
from minidl_core.training.checkpoint import Checkpoint, State
from minidl_core.training.early_stopping import EarlyStopping

ROWS, BATCH, STEPS, EPOCHS = 23, 5, 5, 7
"""The last batch of an epoch is smaller; steps are recorded, checked, and then replayed."""


class Noise(Module):
    """y = x m, m drawn from {0, 2} in training; counts its passes, and remembers a mean."""

    mask: Tensor = saved()

    def __init__(self) -> None:
        self.seen = torch.zeros(())
        self.mean = torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        self.mask = (torch.rand_like(x) >= 0.5) * 2.0 if self.training else torch.ones_like(x)
        if self.training:
            self.seen = self.seen + 1
            self.mean = 0.9 * self.mean + 0.1 * x.mean()
        return x * self.mask

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.mask


class PythonNoise(Noise):
    """The same with numbers that no recording can see, of generators of its own and of others."""

    def __init__(self) -> None:
        super().__init__()
        self.own = torch.Generator().manual_seed(3)
        self.passes = 0
        self.last: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.passes += 1
            self.last = [random.random(), float(np.random.rand()), float(torch.rand((), generator=self.own))]
            x = x * (1 + 0.1 * sum(self.last))
        return super().forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return super().backward(dy) * (1 + 0.1 * sum(self.last))


class MemberNoise(Noise):
    takes_rounds = False


class Kept:
    """Keeps checkpoints as a file would: tensors as bytes, the rest as JSON."""

    def __init__(self, start: Checkpoint | None = None, every: int | None = None) -> None:
        self.start, self.every = start, every
        self.last: Checkpoint = {}

    def began(self) -> None:
        """Nothing."""

    def is_due(self, epoch: int) -> bool:
        return self.every is not None and epoch % self.every == 0

    def keep(self, checkpoint: Checkpoint) -> None:
        self.last = {
            part: State(
                {name: one.clone() for name, one in state.tensors.items()}, json.loads(json.dumps(state.numbers))
            )
            for part, state in checkpoint.items()
        }

    def keep_model(self) -> None:
        """Nothing."""


class Stop:
    """After so many steps."""

    def __init__(self, steps: int | None) -> None:
        self.steps, self.asked = steps, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.steps is not None and self.asked >= self.steps


def rows(rounds: int) -> Examples:
    drawn = torch.Generator().manual_seed(0)
    axes = (rounds,) if rounds > 1 else ()
    return Examples(*(torch.randn(*axes, ROWS, 3, generator=drawn) for _ in range(2)))


def trained(
    keeper: Kept,
    steps: int | None = None,
    *,
    layer: Callable[[], Module] | None = None,
    optimizer: str = "sgd",
    schedule: str | Schedule = "constant",
    rounds: int = 1,
    patience: int | None = None,
    capture: bool = True,
    epochs: int = EPOCHS,
) -> dict[str, Any]:
    """All that there is in the end of a training of its own, as another process would make it."""
    torch.manual_seed(random.randrange(2**31))  # nothing depends on what was drawn before
    parts = build_model("linear(3,8)-relu-linear(8,3)").layers
    layers = parts[:2] + ([layer()] if layer else []) + parts[2:]
    model = Sequential(*layers).initialize(range(rounds))
    updates, plan = Optimizer.of(optimizer), Schedule.of(schedule)
    stopping = None if patience is None else EarlyStopping(patience)

    def heard(*_: Any) -> None:
        torch.rand(())  # whoever listens may draw too

    history = fit(
        model,
        rows(rounds),
        MSE(),
        updates,
        epochs=epochs,
        batch_size=BATCH,
        seeds=range(rounds),
        schedule=plan,
        early_stopping=stopping,
        capture=capture,
        on_epoch=heard,
        stop=Stop(steps),
        keeper=keeper,
    )
    return {
        "weights": model.parameters.values,
        "history": history,
        "steps": updates.steps,
        **{f"state.{name}": tensor for name, tensor in updates.state.items()},
        **{f"checkpoint.{part}": state for part, state in keeper.last.items()},
    }


def assert_identical(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, Tensor):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            try:
                assert_identical(found[name], expected[name])
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from error
    elif isinstance(expected, State):
        assert_identical(found._asdict(), expected._asdict())
    else:
        assert found == expected


def moments() -> Iterator[int]:
    """After the first steps, in which a step is recorded and checked; within and at the end of later epochs."""
    yield from (1, 2, 3, 4, 5, 6, 12, 15, 20, 23)


def assert_goes_on(steps: int, **options: Any) -> None:
    first = Kept()
    trained(first, steps, **options)
    resumed, whole = Kept(first.last), Kept()
    assert_identical(trained(resumed, **options), trained(whole, **options))


@pytest.mark.parametrize("schedule", ["constant", "one_cycle", "reduce_on_plateau(factor=0.5,patience=0)"])
@pytest.mark.parametrize("layer", [None, Noise], ids=["plain", "random"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_on(optimizer: str, layer: type[Module] | None, schedule: str) -> None:
    for steps in moments():
        assert_goes_on(steps, optimizer=optimizer, layer=layer, schedule=schedule)


@pytest.mark.parametrize("options", [{"rounds": 3}, {"rounds": 3, "patience": 1}, {"patience": 1}, {"capture": False}])
@pytest.mark.parametrize("layer", [None, Noise, PythonNoise, MemberNoise])
def test_rounds_and_layers_of_every_kind_go_on(layer: type[Module] | None, options: dict[str, Any]) -> None:
    for steps in (1, 3, 7, 10, 14, 22):
        assert_goes_on(steps, optimizer="sgd(lr=0.4)", layer=layer, **options)


class Remembers(Schedule):
    """Has nothing to remember until an epoch has ended."""

    def begin(self) -> None:
        self.best: Tensor | None = None

    def __call__(self, progress: Progress) -> float:
        return 1.0 if self.best is None else float(self.best.clamp(max=1).sum())

    def epoch_ended(self, epoch: int, value: Tensor) -> None:
        self.best = value.clone() if self.best is None else torch.minimum(self.best, value)


def test_what_is_none_first_and_a_tensor_later_goes_on() -> None:
    for steps in (3, 7, 12):
        assert_goes_on(steps, schedule=Remembers())


class Hides(Remembers):
    """Remembers in what no checkpoint holds."""

    def begin(self) -> None:
        super().begin()
        self.hidden: Any = copy.copy(self.kinds[self.kind])

    kinds: ClassVar[dict[str, Any]] = {"deque": deque([1]), "set": {1}, "tensors": {"mean": torch.zeros(())}}
    kind = "set"

    def epoch_ended(self, epoch: int, value: Tensor) -> None:
        super().epoch_ended(epoch, value)
        if self.kind == "tensors":
            self.hidden["mean"] += 1
        else:
            (self.hidden.add if self.kind == "set" else self.hidden.append)(epoch + 1)


@pytest.mark.parametrize("kind", ["deque", "set", "tensors"])
def test_what_no_checkpoint_holds_is_told(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    schedule = Hides()
    schedule.kind = kind
    trained(Kept(every=1), schedule=schedule)
    told = [one.getMessage() for one in caplog.records if "'hidden'" in one.getMessage()]
    assert len(told) >= 1
    assert "a training that is resumed will not be the same" in told[0]


def test_keeping_changes_nothing() -> None:
    options: dict[str, Any] = {"layer": Noise, "rounds": 2}
    assert_identical(trained(Kept(every=1), **options), trained(Kept(), **options))


def test_twenty_epochs_are_ten_and_ten() -> None:
    first = Kept()
    trained(first, epochs=10, layer=Noise)
    assert_identical(trained(Kept(first.last), epochs=20, layer=Noise), trained(Kept(), epochs=20, layer=Noise))


@pytest.mark.parametrize("replays", [0, 3, 9])
@pytest.mark.parametrize("options", [{}, {"rounds": 3, "schedule": "one_cycle"}])
def test_before_and_after_machine_code_is_made_a_training_goes_on(
    replays: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five steps in an epoch the last has a recording, and so machine code, of its own."""
    monkeypatch.setattr(program, "runs_until_worth", lambda *_: replays)
    for steps in range(1, STEPS * EPOCHS, 3):
        assert_goes_on(steps, layer=Noise, **options)


@pytest.mark.parametrize("replays", [5, 40])
def test_so_does_one_of_more_epochs(replays: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "runs_until_worth", lambda *_: replays)
    test_twenty_epochs_are_ten_and_ten()


def test_a_training_is_resumed_again_and_again() -> None:
    options: dict[str, Any] = {"layer": Noise, "rounds": 2, "patience": 3}
    keeper = Kept()
    for _ in range(EPOCHS * STEPS):
        trained(keeper, 1, **options)
        keeper = Kept(copy.deepcopy(keeper.last))
    assert_identical(trained(keeper, **options), trained(Kept(), **options))
