"""A band that nine of ten values lie in, where they scatter more the further right they are."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from options import Options, options, show

import minidl_core
from minidl_core.training import Training

QUANTILES = (0.05, 0.5, 0.95)
NORMAL = 1.6448536269514722
"""The 0.95 quantile of the normal distribution."""
MODEL = "linear(_,32)-tanh-linear(32,32)-tanh-linear(32,_)"


def curve(x: np.ndarray) -> np.ndarray:
    """What is in the middle."""
    return np.sin(3 * x)


def scatter(x: np.ndarray) -> np.ndarray:
    """The deviation around it."""
    return 0.1 + 0.25 * (x + 1)


def points(rows: int, seed: int) -> pl.DataFrame:
    """Of x from -1 to 1, and y normal around the curve."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, rows)
    return pl.DataFrame({"x": x, "y": curve(x) + scatter(x) * random.standard_normal(rows)})


def run(chosen: Options) -> Training:
    """Train on four fifths of 2,000 points, another split in each round."""
    return minidl_core.train(
        MODEL,
        points(2000, chosen.seed),
        target="y",
        loss=f"quantile(quantiles={[*QUANTILES]})",
        optimizer="adam(lr=0.01)",
        schedule="cosine",
        epochs=chosen.epochs,
        batch_size=50,
        rounds=chosen.rounds,
        seed=chosen.seed,
    )


def covered(training: Training) -> torch.Tensor:
    """The share of each round's test rows that lie below each of its quantiles, `[rounds, quantiles]`."""
    test = training.data.test
    assert test is not None
    prepared = training.trained.prepared(test)
    below = prepared.target <= training.trained.outputs(prepared.features)
    return below.double().mean(-2).reshape(-1, len(QUANTILES))


def draw(training: Training, chosen: Options) -> None:
    """The band, the one that the points were drawn from, and new points."""
    from matplotlib.figure import Figure

    assert chosen.picture is not None
    x = np.linspace(-1, 1, 200)
    middle, low, high = np.array(training.trained.predict(torch.from_numpy(x).unsqueeze(-1))).T
    new = points(400, chosen.seed + 1)
    figure = Figure(figsize=(6, 3.6))
    area = figure.add_subplot()
    area.plot(new["x"], new["y"], ".", color="grey", markersize=4, label="new points")
    area.fill_between(x, low, high, color="tab:blue", alpha=0.25, linewidth=0, label="predicted, 5 to 95 %")
    area.plot(x, middle, color="tab:blue", label="predicted median")
    for sign in (-1, 1):
        area.plot(x, curve(x) + sign * NORMAL * scatter(x), "k--", linewidth=1, label="true" if sign > 0 else None)
    area.set_xlabel("x")
    area.set_ylabel("y")
    area.legend(loc="upper left", frameon=False)
    figure.savefig(chosen.picture, dpi=110, metadata={"Software": None})


def main() -> None:
    chosen = options(__doc__, epochs=60, rounds=5)
    training = run(chosen)
    shares = covered(training)
    std, mean = torch.std_mean(shares, 0, correction=0)
    rows = zip(QUANTILES, (f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, std, strict=True)), strict=True)
    show(("quantile", "share of the test rows below"), rows)
    print(f"r2 of the median {training.test['r2'] if training.test else ''}, {training.seconds:.1f} s")
    if chosen.picture is not None:
        draw(training, chosen)


if __name__ == "__main__":
    main()
