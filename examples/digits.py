"""Handwritten digits as maps of 8 x 8 pixels: a small convolutional network beside one that sees a row of numbers."""

from __future__ import annotations

from options import DATA, Options, options, show_networks

import minidl_core
from minidl_core.pictures import pictures_of
from minidl_core.training import Training

NETWORKS = {
    "fully connected": "linear(_,128)-relu-linear(128,_)",
    "convolutional": (
        "reshape(1,8,8)-conv2d(_,16,3,padding=1,bias=false)-batch_norm(_)-relu"
        "-conv2d(_,32,3,padding=1,bias=false)-batch_norm(_)-relu-max_pool2d(2)"
        "-flatten-dropout-linear(_,64)-relu-dropout-linear(64,_)"
    ),
}


def run(model: str, chosen: Options) -> Training:
    """Train on four fifths of the digits, another split in each round, and test on the rest."""
    return minidl_core.train(
        model,
        DATA / "digits.csv",
        target="digit",
        loss="cross_entropy",
        optimizer="adam(lr=0.003)",
        schedule="cosine",
        epochs=chosen.epochs,
        batch_size=50,
        rounds=chosen.rounds,
        seed=chosen.seed,
    )


def main() -> None:
    chosen = options(__doc__, epochs=40, rounds=5)
    trainings = {name: run(model, chosen) for name, model in NETWORKS.items()}
    show_networks(trainings)
    if chosen.picture is not None:
        chosen.picture.write_bytes(pictures_of(trainings["convolutional"])["confusion"].png())


if __name__ == "__main__":
    main()
