"""Every loss of this plugin against PyTorch and its autograd; the conformance kit checks the contract."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from minidl_core.errors import ArgumentError, RequestError, ShapeError, SpecError
from minidl_core.losses import Loss, encode_labels
from minidl_core.plugins import registry
from minidl_core.spec import build_component
from minidl_core.spec.component import to_value

DISTRIBUTION = "minidl-extra-losses"
WEIGHT = [0.5, 2.0, 0.1, 1.5, 3.0]


class Case(NamedTuple):
    """A loss, the kind of targets it is given, and what it must equal for outputs `[N, F]`."""

    name: str
    arguments: str
    target: str
    oracle: Callable[[int], Callable[[Tensor, Tensor], Tensor]]

    def __str__(self) -> str:
        return f"{self.name}({self.arguments}) {self.target}"

    def loss(self, classes: int) -> Loss:
        loss: Loss = build_component("loss", f"{self.name}({self.arguments.replace('WEIGHT', str(WEIGHT[:classes]))})")
        return loss

    def problem(self, rounds: tuple[int, ...], n: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Outputs and targets, in float64."""
        generator = torch.Generator().manual_seed(seed)
        shape = (*rounds, n, classes)
        outputs = self.loss(classes).outputs_for(classes)
        output = 3 * torch.randn(*shape[:-1], outputs, dtype=torch.float64, generator=generator)
        if self.target == "counts of rates":
            output = output.abs()
        if self.target.startswith("counts"):
            return output, torch.poisson(3 * torch.rand(shape, dtype=torch.float64, generator=generator), generator)
        if self.target == "log-probabilities":
            return output, torch.randn(shape, dtype=torch.float64, generator=generator).log_softmax(-1)
        if self.target == "labels":
            return output, torch.randint(classes, shape[:-1], generator=generator)
        if self.target == "probabilities":
            return output, torch.randn(shape, dtype=torch.float64, generator=generator).softmax(-1)
        if self.target == "shares":
            return output, torch.rand(shape, dtype=torch.float64, generator=generator)
        return output, 2 * torch.randn(shape, dtype=torch.float64, generator=generator)


def cross_entropy(smoothing: float = 0.0, weighted: bool = False) -> Callable[[int], nn.Module]:
    def oracle(classes: int) -> nn.Module:
        weight = torch.tensor(WEIGHT[:classes], dtype=torch.float64) if weighted else None
        return nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)

    return oracle


def nll(weighted: bool) -> Callable[[int], nn.Module]:
    return lambda classes: nn.NLLLoss(torch.tensor(WEIGHT[:classes], dtype=torch.float64) if weighted else None)


def focal(gamma: float, weighted: bool = False) -> Callable[[int], Callable[[Tensor, Tensor], Tensor]]:
    """From the logarithms of p and of 1 - p, so that autograd goes through no power."""

    def oracle(output: Tensor, target: Tensor) -> Tensor:
        own = nn.functional.one_hot(target.long(), output.shape[-1]).bool()
        every = output.logsumexp(-1)
        log_p = output[own] - every
        log_others = output.masked_fill(own, -math.inf).logsumexp(-1) - every
        alpha = output.new_tensor(WEIGHT)[target.long()] if weighted else 1
        return -(alpha * (gamma * log_others).exp() * log_p).mean()

    return lambda _: oracle


def pinball(*quantiles: float) -> Callable[[int], Callable[[Tensor, Tensor], Tensor]]:
    """One column at a time."""

    def oracle(output: Tensor, target: Tensor) -> Tensor:
        losses = []
        for column in range(output.shape[-1]):
            t, k = divmod(column, len(quantiles))
            above = target[:, t] - output[:, column]
            losses.append(torch.maximum(quantiles[k] * above, (quantiles[k] - 1) * above).mean())
        return torch.stack(losses).mean()

    return lambda _: oracle


def gaussian(**options: Any) -> Callable[[int], Callable[[Tensor, Tensor], Tensor]]:
    def oracle(output: Tensor, target: Tensor) -> Tensor:
        mean, log_variance = output.unflatten(-1, (target.shape[-1], 2)).unbind(-1)
        # PyTorch's own clamp is none to autograd; this one is.
        variance = log_variance.exp().clamp(min=options["eps"])
        return nn.functional.gaussian_nll_loss(mean, target, variance, **options)

    return lambda _: oracle


CASES = [
    *(
        Case("cross_entropy", arguments, target, oracle)
        for target in ("labels", "probabilities")
        for arguments, oracle in (
            ("", cross_entropy()),
            ("label_smoothing=0.2", cross_entropy(0.2)),
            ("label_smoothing=1", cross_entropy(1.0)),
            ("weight=WEIGHT", cross_entropy(weighted=True)),
            ("label_smoothing=0.2,weight=WEIGHT", cross_entropy(0.2, weighted=True)),
        )
    ),
    Case("binary_cross_entropy", "", "shares", lambda _: nn.BCEWithLogitsLoss()),
    Case(
        "binary_cross_entropy",
        "pos_weight=2.5",
        "shares",
        lambda _: nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.5, dtype=torch.float64)),
    ),
    Case("huber", "", "numbers", lambda _: nn.HuberLoss()),
    Case("huber", "delta=2.5", "numbers", lambda _: nn.HuberLoss(delta=2.5)),
    Case("log_cosh", "", "numbers", lambda _: lambda output, target: (output - target).cosh().log().mean()),
    Case("hinge", "", "labels", lambda _: nn.MultiMarginLoss()),
    Case("hinge", "margin=2.5", "labels", lambda _: nn.MultiMarginLoss(margin=2.5)),
    Case("squared_hinge", "", "labels", lambda _: nn.MultiMarginLoss(p=2)),
    Case("squared_hinge", "margin=2.5", "labels", lambda _: nn.MultiMarginLoss(p=2, margin=2.5)),
    Case("nll", "", "labels", nll(weighted=False)),
    Case("nll", "weight=WEIGHT", "labels", nll(weighted=True)),
    Case("kl_divergence", "", "probabilities", lambda _: nn.KLDivLoss(reduction="batchmean")),
    Case(
        "kl_divergence",
        "log_target=true",
        "log-probabilities",
        lambda _: nn.KLDivLoss(reduction="batchmean", log_target=True),
    ),
    Case("focal", "", "labels", focal(2)),
    Case("focal", "gamma=0", "labels", cross_entropy()),
    Case("focal", "gamma=0.3", "labels", focal(0.3)),
    Case("focal", "gamma=1.5,alpha=WEIGHT", "labels", focal(1.5, weighted=True)),
    Case("smooth_l1", "", "numbers", lambda _: nn.SmoothL1Loss()),
    Case("smooth_l1", "beta=2.5", "numbers", lambda _: nn.SmoothL1Loss(beta=2.5)),
    Case("smooth_l1", "beta=0", "numbers", lambda _: nn.SmoothL1Loss(beta=0)),
    Case("quantile", "", "numbers", pinball(0.1, 0.5, 0.9)),
    Case("quantile", "quantiles=[0.25]", "numbers", pinball(0.25)),
    Case("poisson_nll", "", "counts", lambda _: nn.PoissonNLLLoss()),
    Case("poisson_nll", "full=true", "counts", lambda _: nn.PoissonNLLLoss(full=True)),
    Case(
        "poisson_nll",
        "log_input=false,eps=0.01",
        "counts of rates",
        lambda _: nn.PoissonNLLLoss(log_input=False, eps=0.01),
    ),
    Case("gaussian_nll", "", "numbers", gaussian(eps=1e-6)),
    Case("gaussian_nll", "full=true,eps=0.5", "numbers", gaussian(full=True, eps=0.5)),
]
TAKES_LABELS_AS_THEY_ARE = ("cross_entropy", "focal", "hinge", "nll", "squared_hinge")
TAKES_VALUES_ALONE = ("gaussian_nll", "poisson_nll", "quantile")
OVERFLOWS = ("gaussian_nll", "poisson_nll")
"""Whose oracles have e to an output in them; each has a test of its own of large outputs."""

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def close(actual: Tensor, expected: Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def differentiated(function: Callable[[Tensor, Tensor], Tensor], output: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    """A value and its gradient by autograd."""
    output = output.clone().requires_grad_()
    value = function(output, target)
    value.backward()
    return value.detach(), output.grad


def test_every_loss_of_this_distribution_is_tested_here_and_in_a_file_of_its_own(request):
    registered = {one.name for one in registry().components("loss", plugin=DISTRIBUTION)}
    assert registered == {case.name for case in CASES}
    for name in registered:
        assert (request.path.parent / f"test_{name}.py").is_file()


@every_case
@settings(max_examples=5, deadline=None)
@given(
    rounds=st.sampled_from([(), (1,), (3,), (1, 2)]),
    n=st.integers(1, 6),
    classes=st.integers(2, 5),
    seed=st.integers(0, 2**32),
)
def test_every_round_has_the_loss_and_the_gradient_that_pytorch_has_for_it_alone(case, rounds, n, classes, seed):
    output, target = case.problem(rounds, n, classes, seed)
    loss = case.loss(classes)
    values, gradients = loss.forward(output, target), loss.backward()
    assert values.shape == rounds
    assert gradients.shape == output.shape
    many, outputs = math.prod(rounds), output.shape[-1]
    for value, gradient, y, t in zip(
        values.reshape(many),
        gradients.reshape(many, n, outputs),
        output.reshape(many, n, outputs),
        target.reshape(many, *target.shape[len(rounds) :]),
        strict=True,
    ):
        expected_value, expected_gradient = differentiated(case.oracle(classes), y, t)
        close(value, expected_value)
        close(gradient, expected_gradient)


@every_case
@settings(max_examples=5, deadline=None)
@given(
    rounds=st.sampled_from([(), (2,), (1, 2)]),
    times=st.lists(st.integers(0, 3), min_size=1, max_size=6).filter(any),
    seed=st.integers(0, 2**32),
)
def test_a_weight_of_k_is_the_row_k_times(case, rounds, times, seed):
    output, target = case.problem(rounds, len(times), 3, seed)
    times = torch.tensor(times)
    loss = case.loss(3)
    value = loss.forward(output, target, times.to(output).expand(output.shape[:-1]))
    gradient = loss.backward()
    rows = torch.arange(len(times)).repeat_interleave(times)
    row_axis = len(rounds)
    close(value, loss.forward(output.index_select(row_axis, rows), target.index_select(row_axis, rows)))
    summed = torch.zeros_like(output).index_add(row_axis, rows, loss.backward())
    close(gradient, summed)


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in OVERFLOWS], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_logits_of_ten_thousand_are_finite_and_equal_to_pytorch(case, dtype):
    output = torch.cartesian_prod(*[torch.tensor([-1e4, 0.0, 1e4], dtype=dtype)] * 3)
    output = output.repeat(1, case.loss(3).outputs_for(3) // 3)
    _, target = case.problem((), len(output), 3)
    target = target.to(dtype) if target.is_floating_point() else target
    loss = case.loss(3)
    value, gradient = loss.forward(output, target), loss.backward()
    assert value.isfinite()
    assert gradient.isfinite().all()
    assert value.dtype == gradient.dtype == dtype
    oracle = case.oracle(3)
    if case.name == "log_cosh":  # the definition itself overflows

        def oracle(output, target):
            distance = (output - target).abs()
            return (distance + nn.functional.softplus(-2 * distance) - math.log(2)).mean()

    elif isinstance(oracle, nn.Module):
        oracle = oracle.to(dtype)
    precise = output.double() if case.name == "focal" else output  # whose oracle rounds to 1e-3 at 1e4 in float32
    expected_value, expected_gradient = differentiated(oracle, precise, target)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    close(value, expected_value.to(dtype), tolerance)
    close(gradient, expected_gradient.to(dtype), tolerance)


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if case.name in ("binary_cross_entropy", "cross_entropy", "huber", "kl_divergence", "log_cosh", "smooth_l1")
        and case.target != "log-probabilities"
    ],
    ids=str,
)
def test_labels_are_their_one_hot_targets(case):
    # Class weights are the exception, as in PyTorch: over labels the mean divides by their sum.
    output, _ = case.problem((2,), 5, 4)
    labels = torch.randint(4, (2, 5))
    loss = case.loss(4)
    from_labels = loss.forward(output, labels), loss.backward()
    from_one_hot = loss.forward(output, encode_labels(labels, 4, output.dtype)), loss.backward()
    if "weight=WEIGHT" in case.arguments:
        scale = torch.tensor(WEIGHT[:4], dtype=torch.float64)[labels].mean(-1)
        from_labels = from_labels[0] * scale, from_labels[1] * scale[:, None, None]
    close(from_labels[0], from_one_hot[0])
    close(from_labels[1], from_one_hot[1])


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in TAKES_VALUES_ALONE], ids=str)
def test_labels_of_every_integer_type_are_alike(case):
    output, _ = case.problem((), 5, 3)
    labels = torch.tensor([0, 2, 1, 1, 0])
    loss = case.loss(3)
    expected = loss.forward(output, labels)
    for dtype in torch.uint8, torch.int16, torch.int32:
        assert torch.equal(loss.forward(output, labels.to(dtype)), expected)


@pytest.mark.parametrize("name", TAKES_LABELS_AS_THEY_ARE)
def test_encode_gives_labels_unchanged_and_refuses_those_without_an_output(name):
    loss = build_component("loss", name)
    labels = torch.tensor([0, 2, 1])
    assert torch.equal(loss.encode(labels, 3, torch.float32), labels)
    assert loss.encode(labels[:0], 3, torch.float32).shape == (0,)
    with pytest.raises(ShapeError, match="labels from 0 to 2"):
        loss.encode(labels, 2, torch.float32)
    with pytest.raises(ShapeError, match="labels from -1 to 1"):
        loss.encode(labels - 1, 3, torch.float32)


@pytest.mark.parametrize("name", TAKES_LABELS_AS_THEY_ARE)
def test_a_label_without_an_output_does_not_pass_in_silence(name):
    for label in 3, -1:
        with pytest.raises((RuntimeError, IndexError), match="out of bounds"):
            build_component("loss", name).forward(torch.randn(1, 3), torch.tensor([label]))


@pytest.mark.parametrize("name", TAKES_VALUES_ALONE)
def test_classes_are_refused_where_values_are_compared(name):
    loss = build_component("loss", name)
    labels = torch.tensor([0, 2, 1])
    advice = f"{name} compares outputs with values, and not with classes; .* cross_entropy"
    with pytest.raises(ShapeError, match=advice):
        loss.encode(labels, 3, torch.float32)
    with pytest.raises(ShapeError, match=advice):
        loss.forward(torch.randn(3, loss.outputs_for(1)), labels)
    with pytest.raises(RequestError, match=f"{name}.* gives no probabilities"):
        loss.probabilities(torch.randn(3, loss.outputs_for(1)))


@pytest.mark.parametrize("name", TAKES_VALUES_ALONE)
def test_outputs_for_another_number_of_values_are_refused(name):
    loss = build_component("loss", name)
    with pytest.raises(ShapeError, match=r"output \[4, 7\] and target \[4, 2\] must be \[\*rounds, batch, "):
        loss.forward(torch.randn(4, 7), torch.randn(4, 2))


@pytest.mark.parametrize("name", [name for name in TAKES_LABELS_AS_THEY_ARE if name != "focal"])
def test_a_model_with_one_output_is_refused_with_what_to_do(name):
    loss = build_component("loss", name)
    advice = rf"{name} needs an output for each class, the model has 1; .* binary_cross_entropy"
    with pytest.raises(ShapeError, match=advice):
        loss.encode(torch.tensor([0, 1]), 1, torch.float32)
    with pytest.raises(ShapeError, match=advice):
        loss.forward(torch.randn(2, 1), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("name", "argument", "values"),
    [
        ("huber", "delta", [0, -1, None, "wide"]),
        ("hinge", "margin", [0, -1.5, None]),
        ("binary_cross_entropy", "pos_weight", [0, -2, None, [1, 2]]),
        ("cross_entropy", "label_smoothing", [-0.1, 1.1, True]),
        ("cross_entropy", "weight", [[], [0, 0], [1, -1], 3, [1, True], [1, None]]),
        ("nll", "weight", [[], [0, 0], [1, -1], 3]),
        ("kl_divergence", "log_target", [1, None]),
        ("focal", "gamma", [-0.5, None]),
        ("focal", "alpha", [[], [0, 0], [1, -1], 0.25]),
        ("squared_hinge", "margin", [0, -1.5, None]),
        ("smooth_l1", "beta", [-1, None]),
        ("quantile", "quantiles", [[], [0], [1], [0.5, 0.5], [0.9, 0.1], 0.5, [0.1, None]]),
        ("poisson_nll", "eps", [0, -1]),
        ("poisson_nll", "log_input", [1]),
        ("gaussian_nll", "eps", [0, -1]),
    ],
)
def test_a_wrong_argument_is_refused_by_its_name(name, argument, values):
    for value in values:
        with pytest.raises(ArgumentError, match=f"^{argument} must be") as caught:
            registry().find("loss", name).load()(**{argument: value})
        assert caught.value.argument == argument
        with pytest.raises(SpecError, match=f"{argument} must be"):
            build_component("loss", f"{name}({argument}={to_value(value)})")


@pytest.mark.parametrize("number", [math.nan, math.inf], ids=str)
def test_numbers_that_are_not_finite_are_refused(number):
    for name, arguments in ("huber", {"delta": number}), ("cross_entropy", {"weight": [1.0, number]}):
        with pytest.raises(ArgumentError, match="finite"):
            registry().find("loss", name).load()(**arguments)


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("cross_entropy", "cross_entropy"),
        ("cross_entropy(0, none)", "cross_entropy"),
        ("cross_entropy(weight=[1, 2.0, 0.5])", "cross_entropy(weight=[1,2,0.5])"),
        ("cross_entropy(0.1)", "cross_entropy(label_smoothing=0.1)"),
        ("binary_cross_entropy(pos_weight=1.0)", "binary_cross_entropy"),
        ("binary_cross_entropy(3)", "binary_cross_entropy(pos_weight=3)"),
        ("extra_losses.huber(delta=2.0)", "huber(delta=2)"),
        ("huber(1)", "huber"),
        ("log_cosh()", "log_cosh"),
        ("hinge(0.5)", "hinge(margin=0.5)"),
        ("focal(2.0)", "focal"),
        ("focal(alpha=[1, 3.0])", "focal(alpha=[1,3])"),
        ("quantile([0.1, 0.5, 0.9])", "quantile"),
        ("quantile(quantiles=[0.5])", "quantile(quantiles=[0.5])"),
        ("poisson_nll(log_input=false)", "poisson_nll(log_input=false)"),
    ],
)
def test_a_loss_prints_as_its_canonical_spec(spec, canonical):
    assert str(build_component("loss", spec)) == canonical
    assert str(build_component("loss", canonical)) == canonical
