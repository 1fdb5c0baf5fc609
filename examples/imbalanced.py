"""One digit in ten is an eight: how many of them are found, and how many of those found are some, by the loss."""

from __future__ import annotations

import polars as pl
from options import DATA, Options, options, show

import minidl_core
from minidl_core.pictures import pictures_of
from minidl_core.training import Training

LOSSES = ("cross_entropy", "focal", "focal(alpha=[0.75,0.25])")
METRICS = ("balanced_accuracy", "f1")


def digits() -> pl.DataFrame:
    """The 64 pixels of each digit, and whether it is an eight: 174 of 1,797 are."""
    is_eight = pl.when(pl.col("digit") == 8).then(pl.lit("eight")).otherwise(pl.lit("other"))
    return pl.read_csv(DATA / "digits.csv").with_columns(is_eight.alias("digit"))


def run(loss: str, chosen: Options) -> Training:
    """A network so small that it has to choose what it learns, on a stratified split of its own in each round."""
    return minidl_core.train(
        "linear(_,4)-tanh-linear(4,_)",
        digits(),
        target="digit",
        loss=loss,
        optimizer="adam(lr=0.01)",
        metrics=METRICS,
        epochs=chosen.epochs,
        rounds=chosen.rounds,
        seed=chosen.seed,
    )


def main() -> None:
    chosen = options(__doc__, epochs=40, rounds=20)
    rows = []
    for loss in LOSSES:
        training = run(loss, chosen)
        rows.append((loss, *(training.test[metric] for metric in METRICS), f"{training.seconds:.1f} s"))
    show(("loss", *METRICS, "time"), rows)
    if chosen.picture is not None:
        chosen.picture.write_bytes(pictures_of(training)["confusion"].png())


if __name__ == "__main__":
    main()
