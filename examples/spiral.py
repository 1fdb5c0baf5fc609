"""Two spirals that turn around each other: no straight line tells them apart, and two hidden layers do."""

from __future__ import annotations

from options import Options, options, show_networks

import minidl_core
from minidl_core.pictures import pictures_of
from minidl_core.training import Training

NETWORKS = {
    "linear": "linear(_,_)",
    "one hidden layer": "linear(_,32)-tanh-linear(32,_)",
    "two hidden layers": "linear(_,32)-tanh-linear(32,32)-tanh-linear(32,_)",
}


def run(model: str, chosen: Options) -> Training:
    """Train on 1,000 points, and test on 1,000 others; each round draws its own."""
    return minidl_core.train(
        model,
        "spirals(n=1000)",
        loss="cross_entropy",
        optimizer="ema(adam(lr=0.01),decay=0.99)",
        schedule="cosine",
        epochs=chosen.epochs,
        batch_size=50,
        rounds=chosen.rounds,
        seed=chosen.seed,
    )


def main() -> None:
    chosen = options(__doc__, epochs=100, rounds=5)
    trainings = {name: run(model, chosen) for name, model in NETWORKS.items()}
    show_networks(trainings)
    if chosen.picture is not None:
        chosen.picture.write_bytes(pictures_of(trainings["two hidden layers"])["regions"].png())


if __name__ == "__main__":
    main()
