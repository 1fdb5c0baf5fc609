"""The report's experiment: its network, its data, its training; and its table, beside the report's own."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

import minidl_core
from minidl_core.cli.progress import progress

NETWORK = "linear(2,25)-relu-linear(25,25)-tanh-linear(25,25)-sigmoid-linear(25,2)"
EPOCHS = 300
ROUNDS = 10
# The report does not say its batch size and learning rate. These are the best of 17 pairs by their accuracy on some
# of the seeds 0 to 29, so figures on those flatter a little: seeds 30 to 49 gave 0.988 in training, 0.981 in test.
BATCH_SIZE = 5
OPTIMIZER = "sgd(lr=0.03)"


def run(seed: int) -> minidl_core.training.Training:
    """Train ten rounds at once, each on its own 1,000 points and tested on 1,000 others."""
    with progress(EPOCHS) as on_epoch:
        return minidl_core.train(
            NETWORK,
            "disk(n=1000)",
            loss="mse",
            optimizer=OPTIMIZER,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            rounds=ROUNDS,
            seed=seed,
            on_epoch=on_epoch,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; round r has SEED + r")
    seed = parser.parse_args().seed
    training = run(seed)
    table = Table(title=f"{ROUNDS} rounds of training, seeds {seed} to {seed + ROUNDS - 1}", title_justify="left")
    for heading in "", "minidl", "the report":
        table.add_column(heading)
    assert training.test is not None
    table.add_row("train accuracy", str(training.train["accuracy"]), "0.993 ± 0.003")
    table.add_row("test accuracy", str(training.test["accuracy"]), "0.980 ± 0.006")
    console = Console()
    console.print(NETWORK)
    console.print(f"mse, {OPTIMIZER}, {EPOCHS} epochs of batches of {BATCH_SIZE}, {training.seconds:.1f} s\n")
    console.print(table)


if __name__ == "__main__":
    main()
