"""Learning-rate schedules equal PyTorch's, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import lr_scheduler

from minidl_core.data.rounds import Examples
from minidl_core.errors import RequestError, ShapeError
from minidl_core.losses import MSE
from minidl_core.nn import FlatParameters, Linear, Sequential
from minidl_core.optim import SGD, Optimizer
from minidl_core.plugins import registry
from minidl_core.schedules import Progress, Schedule
from minidl_core.training import fit

LR = 0.3
Scheduler = Any


def warmup_cosine(optimizer: torch.optim.Optimizer, epochs: int, steps: int) -> Scheduler:
    rising = round(0.1 * epochs * steps)
    return lr_scheduler.SequentialLR(
        optimizer,
        [
            lr_scheduler.LinearLR(optimizer, 1 / rising, total_iters=rising - 1),
            lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps - rising),
        ],
        [rising],
    )


def one_cycle(optimizer: torch.optim.Optimizer, epochs: int, steps: int) -> Scheduler:
    return lr_scheduler.OneCycleLR(optimizer, LR, total_steps=epochs * steps, cycle_momentum=False)


PEERS: dict[str, Callable[[torch.optim.Optimizer, int, int], Scheduler]] = {
    "constant": lambda optimizer, _, __: lr_scheduler.ConstantLR(optimizer, 1.0),
    "step(step_size=4,gamma=0.5)": lambda optimizer, _, __: lr_scheduler.StepLR(optimizer, 4, 0.5),
    "exponential(gamma=0.9)": lambda optimizer, _, __: lr_scheduler.ExponentialLR(optimizer, 0.9),
    "cosine": lambda optimizer, epochs, _: lr_scheduler.CosineAnnealingLR(optimizer, epochs),
    "cosine(final=0.1)": lambda optimizer, epochs, _: lr_scheduler.CosineAnnealingLR(optimizer, epochs, 0.1 * LR),
    "warmup_cosine": warmup_cosine,
    "one_cycle": one_cycle,
}


def rates(spec: str, epochs: int, steps: int) -> list[float]:
    schedule = Schedule.of(spec)
    schedule.begin()
    pairs = [(epoch, epoch * steps + step) for epoch in range(epochs) for step in range(steps)]
    return [float(LR * schedule(Progress(epoch, epochs, step, epochs * steps))) for epoch, step in pairs]


def torchs_rates(scheduler: Callable[..., Scheduler], epochs: int, steps: int, by_step: bool) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], LR)
    peer, found = scheduler(optimizer, epochs, steps), []
    for epoch in range(epochs):
        for step in range(steps):
            found.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            if (by_step or step == steps - 1) and (epoch, step) != (epochs - 1, steps - 1):
                peer.step()
    return found


def test_every_schedule_has_a_peer() -> None:
    names = {spec.partition("(")[0] for spec in PEERS} | {"reduce_on_plateau"}
    assert {one.name for one in registry().components("schedule", plugin="core")} == names


@pytest.mark.filterwarnings("ignore:The epoch parameter")  # PyTorch's own SequentialLR warns of itself
@pytest.mark.parametrize(("epochs", "steps"), [(20, 3), (7, 10), (30, 1)])
@pytest.mark.parametrize("spec", PEERS)
def test_a_schedule_equals_pytorchs(spec: str, epochs: int, steps: int) -> None:
    expected = torchs_rates(PEERS[spec], epochs, steps, Schedule.of(spec).by_step)
    assert rates(spec, epochs, steps) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("arguments", [{}, {"patience": 0}, {"factor": 0.5, "patience": 3, "threshold": 0.05}])
def test_reduce_on_plateau_equals_pytorchs_in_every_round(arguments: dict[str, float]) -> None:
    noise = torch.rand(80, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    losses = 1 / torch.arange(1, 81, dtype=torch.float64).unsqueeze(-1).clamp(max=30) + 0.02 * noise
    text = ",".join(f"{name}={value}" for name, value in arguments.items())
    schedule, found = Schedule.of(f"reduce_on_plateau({text})"), []
    for epoch, values in enumerate(losses):
        found.append(LR * torch.as_tensor(schedule(Progress(epoch, 80, epoch, 80))).expand(3))
        schedule.epoch_ended(epoch + 1, values)
    for index in range(3):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], LR)
        peer, expected = lr_scheduler.ReduceLROnPlateau(optimizer, eps=0, **arguments), []
        for value in losses[:, index]:
            expected.append(optimizer.param_groups[0]["lr"])
            peer.step(value)
        assert [float(rate[index]) for rate in found] == pytest.approx(expected, rel=1e-9)


class Watched(SGD):
    """One that notes the rate of each step."""

    def __init__(self, lr: float = LR) -> None:
        super().__init__(lr)
        self.seen: list[Tensor] = []

    def step(self, parameters: FlatParameters) -> None:
        self.seen.append(torch.as_tensor(self.lr, dtype=torch.float64).clone().reshape(-1))
        super().step(parameters)


def trained(optimizer: Optimizer, rounds: int = 1, **options: Any) -> tuple[Tensor, Tensor]:
    """The history and the weights, of five epochs of three steps unless asked otherwise."""
    model = Sequential(Linear(3, 2)).initialize(range(rounds), dtype=torch.float64)
    x = torch.rand(14, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seeds = range(rounds)
    options = {"epochs": 5, "batch_size": 5, **options}
    history = fit(model, Examples(x, x[:, :2]), MSE(), optimizer, seeds=seeds, **options)
    return history, model.parameters.values.clone()


@pytest.mark.parametrize("spec", ["step(step_size=2)", "cosine", "one_cycle", "warmup_cosine(warmup=0.5)"])
def test_a_training_takes_each_step_at_its_rate(spec: str) -> None:
    optimizer = Watched()
    trained(optimizer, capture=False, schedule=Schedule.of(spec))
    assert torch.cat(optimizer.seen).tolist() == pytest.approx(rates(spec, 5, 3), rel=1e-12)
    assert optimizer.lr == LR  # its own again


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("batch_size", [5, 14])
@pytest.mark.parametrize(
    "spec",
    ["cosine", "exponential(gamma=0.5)", "one_cycle", "warmup_cosine", "reduce_on_plateau(patience=0,threshold=0.5)"],
)
def test_a_captured_step_reads_the_rate_anew(
    spec: str, batch_size: int, rounds: int, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"batch_size": batch_size, "epochs": 15}
    captured, plain = (
        trained(SGD(LR), rounds, capture=capture, schedule=Schedule.of(spec), **options) for capture in (True, False)
    )
    constant = trained(SGD(LR), rounds, **options)
    assert caplog.messages == []  # of steps that run plainly
    for one, other, without in zip(captured, plain, constant, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
        assert not torch.allclose(one, without, rtol=1e-4)


def test_rounds_with_rates_of_their_own_have_them_times_the_factor() -> None:
    optimizer = Watched()
    optimizer.lr = own = torch.tensor([[0.1], [0.2], [0.4]], dtype=torch.float64)  # type: ignore[assignment]
    trained(optimizer, 3, capture=False, schedule=Schedule.of("exponential(gamma=0.5)"))
    assert torch.equal(optimizer.seen[4], torch.tensor([0.05, 0.1, 0.2], dtype=torch.float64))
    assert optimizer.lr is own
    assert own.flatten().tolist() == [0.1, 0.2, 0.4]


def test_each_round_reaches_its_plateau_by_itself() -> None:
    options = {"schedule": Schedule.of("reduce_on_plateau(patience=0,threshold=0.3)")}
    _, together = trained(SGD(LR), 3, **options)
    _, alone = trained(SGD(LR), 1, **options)
    torch.testing.assert_close(together[0], alone, rtol=1e-12, atol=1e-12)


def test_a_plateau_is_one_of_what_is_watched() -> None:
    falling = iter(torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0]))
    optimizer = Watched()
    schedule = Schedule.of("reduce_on_plateau(patience=0,threshold=0.0)")
    trained(optimizer, capture=False, schedule=schedule, watched=lambda: next(falling))
    assert {rate.item() for rate in optimizer.seen} == {LR}
    optimizer = Watched()
    trained(optimizer, capture=False, schedule=schedule, watched=lambda: torch.tensor(1.0))
    assert [round(math.log10(rate.item() / LR)) for rate in optimizer.seen[::3]] == [0, 0, -1, -2, -3]


def test_a_plateau_may_be_borne_for_ever() -> None:
    patient = trained(SGD(LR), schedule=Schedule.of(f"reduce_on_plateau(patience={10**20},threshold=0.9)"))
    assert torch.equal(patient[1], trained(SGD(LR))[1])


def test_an_optimizer_without_a_rate_is_refused() -> None:
    class Still(Optimizer):
        def step(self, parameters: FlatParameters) -> None:
            self.steps += 1

    with pytest.raises(RequestError, match="has no lr that 'cosine' could set"):
        trained(Still(), schedule=Schedule.of("cosine"))


@pytest.mark.parametrize(
    "factor", [torch.ones(2), torch.ones(3, 1), -0.1, math.nan, None, "x", torch.tensor([1.0, 1.0, -1.0])]
)
def test_a_factor_that_is_none_is_refused(factor: Any) -> None:
    class Wrong(Schedule):
        def __call__(self, progress: Progress) -> Any:
            return factor

    with pytest.raises(
        RequestError, match=r"'Wrong' must give a number, 0 or greater, or one for each round, \[3\]; got"
    ):
        trained(SGD(LR), 3, schedule=Wrong())


def test_what_a_schedule_returns_after_an_epoch_stops_nothing() -> None:
    class Answers(Constantly):
        def epoch_ended(self, epoch: int, value: Tensor) -> Any:
            return torch.ones_like(value, dtype=torch.bool)

    history, _ = trained(SGD(LR), schedule=Answers())
    assert len(history) == 5


class Constantly(Schedule):
    """A half."""

    def __call__(self, progress: Progress) -> float:
        return 0.5


@pytest.mark.parametrize("watched", [0.5, torch.ones(2), torch.tensor(1.0)], ids=["number", "two", "one for all"])
def test_what_is_watched_must_be_one_number_for_each_round(watched: Any) -> None:
    with pytest.raises(ShapeError, match=r"watched must give a tensor of one number for each round, \[3\]; got"):
        trained(SGD(LR), 3, watched=lambda: watched)
