"""What outputs say of classes, by the loss that they were trained for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from needs import needs
from torch import Tensor

from minidl_core.errors import RequestError, ShapeError
from minidl_core.losses import Loss
from minidl_core.plugins import registry

OUTPUT = 3 * torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SINGLE = OUTPUT[..., :1]

WITHOUT_PROBABILITIES = ["hinge", "squared_hinge", "quantile", "poisson_nll", "gaussian_nll"]
"""All other losses of this repository have them."""


def clamped(y: Tensor) -> Tensor:
    p = y.clamp(0, 1)
    return p / p.sum(-1, keepdim=True)


def shared(y: Tensor) -> Tensor:
    p = 1 / (1 + (-y).exp())
    return p / p.sum(-1, keepdim=True)


def softmax(y: Tensor) -> Tensor:
    return y.exp() / y.exp().sum(-1, keepdim=True)


CASES: list[tuple[str, Callable[[Tensor], Tensor]]] = [
    ("mse", clamped),
    ("mae", clamped),
    ("huber", clamped),
    ("log_cosh", clamped),
    ("smooth_l1", clamped),
    ("cross_entropy", softmax),
    ("focal", softmax),
    ("nll", Tensor.exp),
    ("kl_divergence", Tensor.exp),
    ("binary_cross_entropy", shared),
]
every_case = pytest.mark.parametrize(
    ("spec", "formula"), [pytest.param(*case, marks=needs(case[0]), id=case[0]) for case in CASES]
)


@every_case
def test_probabilities_are_their_formula_in_every_round(spec: str, formula: Callable[[Tensor], Tensor]) -> None:
    output = OUTPUT.abs() if formula is clamped else OUTPUT
    found = Loss.of(spec).probabilities(output)
    torch.testing.assert_close(found, formula(output), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(Loss.of(spec).probabilities(output[1]), found[1])
    assert (Loss.of(spec).probabilities(output.float())).dtype == torch.float32


@every_case
def test_the_most_probable_class_is_the_one_with_the_greatest_score(
    spec: str, formula: Callable[[Tensor], Tensor]
) -> None:
    loss = Loss.of(spec)
    output = OUTPUT.sigmoid() if formula is clamped else OUTPUT
    assert torch.equal(loss.scores(output), output)
    assert torch.equal(loss.probabilities(output).argmax(-1), loss.scores(output).argmax(-1))


@pytest.mark.parametrize("spec", ["mse", "mae"])
def test_outputs_beyond_0_and_1_are_clamped(spec: str) -> None:
    output = torch.tensor([[1.5, -0.2, 0.0], [3.0, 1.0, 0.5], [-1.0, 0.0, -0.5]])
    expected = torch.tensor([[1.0, 0, 0], [0.4, 0.4, 0.2], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(Loss.of(spec).probabilities(output), expected)
    single = torch.tensor([[1.5], [0.25], [-2.0]])
    assert Loss.of(spec).probabilities(single).tolist() == [[0, 1], [0.75, 0.25], [1, 0]]


@pytest.mark.parametrize(
    ("spec", "threshold"), [("mse", 0.5), ("mae", 0.5), pytest.param("binary_cross_entropy", 0.0, marks=needs("hinge"))]
)
def test_a_single_output_speaks_for_class_1_above_the_threshold_alone(spec: str, threshold: float) -> None:
    loss = Loss.of(spec)
    output = torch.tensor([threshold - 2, threshold - 0.1, threshold, threshold + 1e-6, threshold + 3]).unsqueeze(-1)
    assert loss.scores(output).argmax(-1).tolist() == [0, 0, 0, 1, 1]
    torch.testing.assert_close(loss.scores(SINGLE), torch.cat([threshold - SINGLE, SINGLE - threshold], -1))


@needs("binary_cross_entropy")
def test_a_single_logit_is_the_logarithm_of_the_odds() -> None:
    p = Loss.of("binary_cross_entropy").probabilities(SINGLE)
    torch.testing.assert_close(p.sum(-1), torch.ones(2, 6, dtype=torch.float64))
    torch.testing.assert_close((p[..., 1] / p[..., 0]).log(), SINGLE.squeeze(-1))


@needs("cross_entropy")
def test_a_single_logit_has_no_softmax() -> None:
    with pytest.raises(ShapeError, match="needs an output for each class"):
        Loss.of("cross_entropy").probabilities(SINGLE)


def test_a_loss_that_gives_none_says_so_and_what_is_possible() -> None:
    class Margin(Loss):
        """A loss of scores alone."""

        def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
            raise NotImplementedError

        def backward(self) -> Tensor:
            raise NotImplementedError

    with pytest.raises(RequestError, match=r"the loss Margin gives no probabilities .*accuracy, balanced_accuracy, f1"):
        Margin().probabilities(OUTPUT)


def test_every_loss_of_this_repository_is_known_to_have_them_or_not() -> None:
    ours = {one.name for one in registry().components("loss") if one.provider.distribution.startswith("minidl-")}
    assert ours <= {spec for spec, _ in CASES} | set(WITHOUT_PROBABILITIES)
    for name in ours & set(WITHOUT_PROBABILITIES):
        with pytest.raises(RequestError, match=f"the loss {name} gives no probabilities"):
            Loss.of(name).probabilities(OUTPUT)
