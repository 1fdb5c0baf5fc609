"""Toy datasets: each label is what the geometry says, classes are balanced, and a generator decides all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from minidl_core.data import Circles, Dataset, Disk, Moons, Spirals, Table, Xor, numeric
from minidl_core.data.rounds import draw
from minidl_core.errors import ArgumentError
from minidl_core.plugins import registry
from minidl_core.seeding import generator


def label_of_disk(x: float, y: float) -> int:
    return int(math.hypot(x - 0.5, y - 0.5) < 1 / math.sqrt(2 * math.pi))


def label_of_xor(x: float, y: float) -> int:
    return int((x > 0) != (y > 0))


def label_of_circles(x: float, y: float) -> int:
    return [1.0, 0.3].index(round(math.hypot(x, y), 9))


def label_of_moons(x: float, y: float) -> int:
    upper = math.isclose(math.hypot(x, y), 1) and y >= 0
    lower = math.isclose(math.hypot(x - 1, y - 0.5), 1) and y <= 0.5
    assert upper != lower
    return int(lower)


def label_of_spirals(x: float, y: float) -> int:
    """Which of 3 arms of 2 turns a point lies on, from its polar coordinates."""
    turned = (math.atan2(y, x) / (2 * math.pi) - 2 * math.hypot(x, y)) % 1
    assert math.isclose(3 * turned, round(3 * turned), abs_tol=1e-9)
    return round(3 * turned) % 3


# A dataset without noise, and the label that its definition gives each point.
CASES: dict[str, tuple[str, Callable[[float, float], int], int]] = {
    "disk": ("disk(n={n})", label_of_disk, 2),
    "xor": ("xor(n={n})", label_of_xor, 2),
    "moons": ("moons(n={n},noise=0)", label_of_moons, 2),
    "circles": ("circles(n={n},noise=0,factor=0.3)", label_of_circles, 2),
    "spirals": ("spirals(n={n},noise=0,arms=3,turns=2)", label_of_spirals, 3),
}
BY_AREA = ("disk", "xor")
every_dataset = pytest.mark.parametrize("name", CASES)


def sample(name: str, n: int = 500, seed: int = 0) -> Table:
    return Dataset.of(CASES[name][0].format(n=n)).sample(generator(seed, "data", "train"))


def test_every_core_dataset_has_a_case() -> None:
    assert {one.name for one in registry().components("dataset", plugin="core")} == set(CASES)


@every_dataset
@pytest.mark.parametrize("n", [4, 501])
def test_a_sample_is_a_table_of_n_points(name: str, n: int) -> None:
    table = sample(name, n)
    assert table.features.shape == (n, 2)
    assert table.features.dtype == torch.float64
    assert table.target.shape == (n,)
    assert table.target.dtype == torch.int64
    assert table.columns == numeric("x", "y")
    assert table.classes == tuple(str(label) for label in range(CASES[name][2]))


@every_dataset
def test_every_label_is_what_the_geometry_says(name: str) -> None:
    table = sample(name)
    label_of = CASES[name][1]
    assert [label_of(x, y) for x, y in table.features.tolist()] == table.target.tolist()


@every_dataset
def test_classes_are_balanced(name: str) -> None:
    n, classes = 10_001, CASES[name][2]
    counts = sample(name, n).target.bincount()
    # By area a count is binomial (5 deviations: 250); in turn it is exact.
    allowed = 5 * math.sqrt(n / 4) if name in BY_AREA else 1
    assert ((counts - n / classes).abs() <= allowed).all()


@every_dataset
def test_rows_are_in_random_order(name: str) -> None:
    labels = sample(name).target
    changes = (labels[1:] != labels[:-1]).double().mean().item()
    assert changes == pytest.approx(1 - 1 / CASES[name][2], abs=0.1)


@pytest.mark.parametrize(("name", "low"), [("disk", 0.0), ("xor", -1.0)])
def test_points_fill_their_square_evenly(name: str, low: float) -> None:
    points = sample(name, 5000).features
    for coordinate in points.unbind(-1):
        assert stats.kstest(coordinate.numpy(), stats.uniform(low, 1 - low).cdf).pvalue > 0.001


def test_half_of_the_square_is_in_the_disk() -> None:
    assert math.pi * (1 / math.sqrt(2 * math.pi)) ** 2 == pytest.approx(0.5)
    assert sample("disk", 100_000).target.double().mean().item() == pytest.approx(0.5, abs=0.008)


def test_moons_and_circles_are_covered_evenly_by_angle() -> None:
    moons, circles = sample("moons", 5000), sample("circles", 5000)
    upper = moons.features[moons.target == 0]
    angles = torch.atan2(upper[:, 1], upper[:, 0]) / math.pi
    assert stats.kstest(angles.numpy(), stats.uniform().cdf).pvalue > 0.001
    angles = torch.atan2(circles.features[:, 1], circles.features[:, 0]) / math.pi
    assert stats.kstest(angles.numpy(), stats.uniform(-1, 2).cdf).pvalue > 0.001


def test_spirals_go_from_near_the_centre_to_radius_one() -> None:
    radius = sample("spirals", 5000).features.norm(dim=-1)
    assert 0.05 <= radius.min() < 0.1
    assert 0.99 < radius.max() <= 1


@every_dataset
def test_noise_moves_points_by_normal_steps_and_keeps_their_labels(name: str) -> None:
    component = registry().find("dataset", name).load()
    still, moved = (component(n=5000, noise=noise).sample(generator(3)) for noise in (0.0, 0.25))
    assert torch.equal(still.target, moved.target)
    steps = (moved.features - still.features).flatten().numpy()
    assert stats.kstest(steps, stats.norm(0, 0.25).cdf).pvalue > 0.001


def points(features: Tensor) -> set[tuple[float, ...]]:
    return {tuple(row) for row in features.reshape(-1, 2).tolist()}


@every_dataset
def test_training_and_test_samples_of_all_rounds_have_no_point_in_common(name: str) -> None:
    data = draw(Dataset.of(CASES[name][0].format(n=100)), [0, 1, 2])
    assert data.test is not None
    assert data.train.features.shape == data.test.features.shape == (3, 100, 2)
    assert len(points(data.train.features) | points(data.test.features)) == 600


@every_dataset
def test_each_round_draws_what_a_run_of_its_own_would(name: str) -> None:
    dataset = Dataset.of(CASES[name][0].format(n=50))
    together, alone = draw(dataset, [4, 5]), draw(dataset, [5])
    assert together.test is not None
    assert alone.test is not None
    assert torch.equal(together.train.features[1], alone.train.features)
    assert torch.equal(together.train.target[1], alone.train.target)
    assert torch.equal(together.test.features[1], alone.test.features)


@every_dataset
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_even_the_smallest_sample_knows_all_classes(name: str, seed: int) -> None:
    smallest = CASES[name][2]
    assert len(sample(name, smallest, seed).classes or ()) == smallest


@pytest.mark.parametrize(
    ("dataset", "arguments"),
    [(dataset, {"n": n}) for dataset in (Disk, Moons, Spirals, Xor, Circles) for n in (1, 0, -3, 10**9, 2.5)]
    + [(Disk, {"noise": noise}) for noise in (-0.1, math.nan, math.inf)]
    + [(Spirals, {"arms": 1}), (Spirals, {"arms": 5, "n": 4}), (Spirals, {"turns": 0.0})]
    + [(Circles, {"factor": factor}) for factor in (0.0, 1.0, -0.5, 2.0)],
)
def test_arguments_out_of_range_are_refused_by_name(dataset: type[Dataset], arguments: dict[str, Any]) -> None:
    name = next(iter(arguments))
    with pytest.raises(ArgumentError, match=f"{name} must be") as refused:
        dataset(**arguments)
    assert refused.value.argument == name
