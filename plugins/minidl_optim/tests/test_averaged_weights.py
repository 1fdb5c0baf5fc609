"""Averages of weights: PyTorch's numbers, in every step and every way that a training looks at a model."""

from __future__ import annotations

import pytest
import torch
from minidl_optim.adam import Adam
from minidl_optim.ema import EMA
from minidl_optim.swa import SWA
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from minidl_core import MSE, SGD, build_model, load_model, save_model, train
from minidl_core.data.rounds import Examples
from minidl_core.errors import ArgumentError, RequestError
from minidl_core.spec import build_component
from minidl_core.training import fit
from minidl_core.training.early_stopping import EarlyStopping

STEPS = 30


def peers(spec: str, weights: torch.Tensor) -> tuple[torch.optim.Optimizer, AveragedModel, list[int]]:
    """PyTorch's optimizer and average, and the steps after which the average is updated; before them it is w."""
    module = torch.nn.ParameterList([torch.nn.Parameter(weights)])
    optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[spec.split("(")[1].strip("),")](
        module.parameters(), lr=0.1
    )
    if spec.startswith("ema"):
        return optimizer, AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.9)), list(range(1, STEPS + 1))
    return optimizer, AveragedModel(module), list(range(6, STEPS + 1, 4))


@pytest.mark.parametrize("spec", ["ema(sgd(),decay=0.9)", "ema(adam(),decay=0.9)", "swa(adam(),start=5,every=4)"])
def test_average_is_that_of_pytorch_after_each_step(spec, parameters_of):
    start = torch.linspace(-2, 2, 12, dtype=torch.float64)
    gradients = torch.randn(STEPS, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    optimizer, parameters = build_component("optimizer", spec), parameters_of(start)
    optimizer.lr = 0.1
    peer, average, due = peers(spec, start.clone())
    [weights] = peer.param_groups[0]["params"]
    for step, gradient in enumerate(gradients, 1):
        parameters.grads.copy_(gradient)
        optimizer.step(parameters)
        weights.grad = gradient.clone()
        peer.step()
        if step in due:
            average.update_parameters(average.module.__class__([weights]))
        expected = weights.detach() if step < due[0] else next(average.parameters()).detach()
        torch.testing.assert_close(parameters.values, weights.detach(), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(optimizer.averaged(parameters), expected, rtol=1e-12, atol=1e-12)


def trained(optimizer, *, capture: bool = True, rounds: int = 1, **options):
    model = build_model("linear(2,8)-tanh-linear(8,1)").initialize(range(rounds), dtype=torch.float64)
    x = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    examples = Examples(x, (x[:, :1] * x[:, 1:]).sin())
    seeds = list(range(rounds))
    options = {"epochs": 6, "batch_size": 20, "seeds": seeds, "capture": capture, **options}
    fit(model, examples, MSE(), optimizer, **options)
    return model


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("make", [lambda: EMA(SGD(0.3), 0.8), lambda: SWA(Adam(0.03), start=7, every=2)])
def test_captured_steps_average_as_plain_ones_do(make, rounds, caplog):
    captured, plain = (trained(make(), capture=capture, rounds=rounds) for capture in (True, False))
    torch.testing.assert_close(captured.parameters.values, plain.parameters.values, rtol=1e-11, atol=1e-12)
    assert not caplog.messages


def test_the_model_has_the_averaged_weights_in_the_end_and_trains_on_those_that_are_not():
    optimizer, weights = EMA(SGD(0.3), 0.9), []

    class Recording(SGD):
        """Notes the weights after each step."""

        def step(self, parameters):
            super().step(parameters)
            weights.append(parameters.values.clone())

    alone = trained(Recording(0.3), capture=False)
    assert torch.equal(alone.parameters.values, weights[-1])
    average = weights[0]
    for w in weights[1:]:
        average = 0.9 * average + (1 - 0.9) * w
    torch.testing.assert_close(trained(optimizer).parameters.values, average, rtol=1e-11, atol=1e-12)


def test_what_is_watched_after_an_epoch_is_the_averaged_model():
    optimizer, seen = EMA(SGD(0.3), 0.9), []
    model = build_model("linear(2,1)").initialize([0], dtype=torch.float64)

    def watched() -> torch.Tensor:
        seen.append(torch.equal(model.parameters.values, optimizer.averaged(model.parameters)))
        return torch.tensor(0.5, dtype=torch.float64)

    x = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    fit(model, Examples(x, x[:, :1]), MSE(), optimizer, epochs=3, batch_size=5, seeds=[0], watched=watched)
    assert seen == [True] * 3


def test_early_stopping_keeps_the_averaged_weights_of_each_rounds_best_epoch():
    optimizer, kept = EMA(SGD(0.3), 0.5), []
    losses = iter([[3.0, 1.0], [2.0, 2.0], [1.0, 3.0], [4.0, 4.0], [5.0, 5.0]])
    model = build_model("linear(2,1)").initialize([0, 1], dtype=torch.float64)

    def watched() -> torch.Tensor:
        kept.append(model.parameters.values.clone())
        return torch.tensor(next(losses), dtype=torch.float64)

    x = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    options = {"epochs": 9, "batch_size": 5, "seeds": [0, 1], "watched": watched}
    fit(model, Examples(x, x[:, :1]), MSE(), optimizer, early_stopping=EarlyStopping(2), **options)
    assert torch.equal(model.parameters.values, torch.stack([kept[2][0], kept[0][1]]))


@pytest.mark.parametrize("optimizer", ["ema(adam(lr=0.03),decay=0.95)", "swa(sgd(lr=0.3),start=20)"])
def test_a_round_among_many_is_the_run_of_its_own(optimizer):
    def run(**options):
        options = {"optimizer": optimizer, "epochs": 4, "dtype": "float64", **options}
        return train("linear(_,4)-tanh-linear(4,_)", "moons(n=60)", loss="mse", **options).trained.model.parameters

    together, alone = run(rounds=2, seed=0), run(seed=1)
    torch.testing.assert_close(together.values[1], alone.values, rtol=1e-11, atol=1e-12)


def test_a_schedule_sets_the_rate_of_the_optimizer_within_and_gives_it_back():
    optimizer = EMA(Adam(0.03))
    training = train("linear(_,_)", "moons(n=60)", loss="mse", optimizer=optimizer, schedule="one_cycle", epochs=3)
    assert training.optimizer is optimizer
    assert optimizer.lr == optimizer.optimizer.lr == 0.03
    assert optimizer.steps == optimizer.optimizer.steps > 0


def test_a_saved_model_is_the_averaged_one(tmp_path):
    training = train("linear(_,4)-tanh-linear(4,_)", "moons(n=60)", loss="mse", optimizer="ema(sgd(lr=0.3))", epochs=3)
    save_model(training.trained, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert torch.equal(loaded.model.parameters.values, training.trained.model.parameters.values)
    assert torch.equal(loaded.model.parameters.values, training.optimizer.state["average"])


def test_prints_as_the_spec_that_it_is():
    assert str(EMA(Adam(lr=0.01), decay=0.9)) == "ema(adam(lr=0.01),decay=0.9)"
    assert str(build_component("optimizer", "swa(momentum(nesterov=true))")) == "swa(momentum(nesterov=true))"


def test_an_average_of_averages_is_refused():
    with pytest.raises(RequestError, match="one that trains, and no average of one"):
        EMA(SWA(SGD()))


@pytest.mark.parametrize(
    ("average", "argument", "value"),
    [
        *((EMA, "decay", value) for value in (-0.1, 1, 1.5, True, None)),
        *((SWA, "start", value) for value in (-1, 1.5, None)),
        *((SWA, "every", value) for value in (0, -1, 1.5)),
        *((EMA, "optimizer", value) for value in (0.9, None, MSE())),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(average, argument, value):
    with pytest.raises(ArgumentError) as caught:
        average(**{"optimizer": "sgd", argument: value})
    assert caught.value.argument == argument
