"""`minidl train`"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from minidl_core.cli import completion
from minidl_core.cli.data_options import data_options
from minidl_core.cli.figures import metric_option
from minidl_core.cli.main import INTERRUPTED
from minidl_core.cli.output import json_option, print_json
from minidl_core.cli.progress import progress
from minidl_core.cli.training_summary import print_summary, summary
from minidl_core.errors import DataError, DivergedError, MinidlError, ModelFileError, RequestError, StorageError

if TYPE_CHECKING:
    from minidl_core.data.rounds import RoundData
    from minidl_core.training import Training

MANY_CLASSES = 20


@click.command()
@click.argument("data", shell_complete=completion.data)
@click.option(
    "--model",
    metavar="SPEC",
    shell_complete=completion.spec("layer"),
    help="The layers: linear(_,25)-relu-linear(25,_).  [default: two hidden layers of ReLUs, as wide as the data]",
)
@data_options
@click.option(
    "--loss",
    metavar="SPEC",
    shell_complete=completion.spec("loss"),
    help="[default: cross_entropy for classes where it is installed, else mse]",
)
@click.option(
    "--optimizer",
    metavar="SPEC",
    shell_complete=completion.spec("optimizer"),
    help="[default: adam where it is installed, else sgd]",
)
@click.option(
    "--schedule",
    metavar="SPEC",
    shell_complete=completion.spec("schedule"),
    help="Of the optimizer's learning rate: one_cycle, step, ...  [default: cosine; with --optimizer, constant]",
)
@metric_option
@click.option("--clip-norm", type=float, metavar="NORM", help="The greatest norm of a round's gradient.")
@click.option("--l1", type=float, metavar="W", default=0.0, help="The weight of a penalty, W Σ|w|.")
@click.option("--l2", type=float, metavar="W", default=0.0, help="The weight of a penalty, W/2 Σw².")
@click.option("--epochs", type=click.IntRange(1), default=100, show_default=True, help="How often all rows are used.")
@click.option("--batch-size", type=click.IntRange(1), default=32, show_default=True, help="Rows of one step.")
@click.option("--rounds", type=click.IntRange(1), help="Trainings, all at once.  [default: 1, or one for each fold]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first round; round r has SEED + r.")
@click.option(
    "--patience",
    type=click.IntRange(1),
    metavar="N",
    help="Stop each round when its loss on rows held out for it has not fallen for N epochs, and take its best.",
)
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where to compute: cpu, cuda, cuda:1.")
@click.option("--threads", type=click.IntRange(1), help="Of the arithmetic.  [default: 1 where more would lose]")
@click.option(
    "--capture/--no-capture", default=True, help="Replay recorded steps, or run each through the layers' own Python."
)
@click.option(
    "--out",
    metavar="DIR",
    shell_complete=completion.folder,
    help="A new folder for the model.  [default: runs/TIME-DATA]",
)
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@json_option
def train(data: str, out: str | None, as_json: bool, **options: Any) -> int:
    """Train a model on DATA: a file with a table, standard input (-), or a registered dataset.

    Files are .csv and .tsv with a header, .parquet, .jsonl, .npz, and .npy, which may be larger than memory. Numbers
    are standardized, categories become one input each. Of a file 20 % of the rows are held out for test; a dataset
    draws a test sample of its own size. Each round has its own split (or sample), first weights and batches, from its
    own seed.

    \b
    minidl train iris.csv --target species
    minidl train disk --model "linear(_,25)-tanh-linear(25,_)" --rounds 10
    """
    interruption = _Interruption()
    with interruption.handled():
        with interruption.postponed():
            from minidl_core.training.model_file import FILE_NAME, save_model
        folder = _new_folder(out, data)
        saved: Path | None = folder / FILE_NAME
        try:
            training, problem = _train(data, folder, options, interruption)
            try:
                save_model(training.trained, folder / FILE_NAME)
            except (ModelFileError, StorageError) as error:
                saved, problem = None, error  # the figures are all that is left of the work: print them still
        finally:
            _remove_if_empty(folder, with_parent=out is None)
        _hint(training.data, options["task"])
        if interruption.wished and problem is None:
            # Before the figures: whoever reads them may have been interrupted too, and be gone.
            done = f"{training.epochs} of {options['epochs']} epochs were done"
            moment = "of that moment" if training.best_epochs is None else "of each round's best epoch"
            click.echo(f"minidl: interrupted; {done}; the model and the figures are those {moment}", err=True)
        if as_json:
            print_json(summary(training, saved))
        else:
            print_summary(data, training, saved, options["epochs"])
    if problem is not None:
        raise problem
    return INTERRUPTED if interruption.wished else 0


def _train(
    data: str, folder: Path, options: dict[str, Any], interruption: _Interruption
) -> tuple[Training, MinidlError | None]:
    """What the training gave, and why it ended early where it diverged."""
    import minidl_core

    shown = nullcontext() if options.pop("quiet") else progress(options["epochs"])
    # What a component prints does not mix with results.
    with redirect_stdout(sys.stderr), shown as on_epoch:
        try:
            training = minidl_core.train(
                options.pop("model"), data, out=folder, stop=interruption.stop, on_epoch=on_epoch, **options
            )
        except DivergedError as error:
            if error.training is None:
                raise
            return error.training, error
    return training, None


class _Interruption:
    """What Ctrl-C means: before the first step, stop at once; after it, end the training and keep what there is.

    A second Ctrl-C stops at once, whatever is being done.
    """

    def __init__(self) -> None:
        self.training_began = False
        self.wished = False
        self._is_postponed = False

    def stop(self) -> bool:
        """Whether to end the training; asked after each of its steps."""
        self.training_began = True
        return self.wished

    @contextmanager
    def postponed(self) -> Iterator[None]:
        """While libraries are imported, which take an interruption for an error of their own, and go on."""
        self._is_postponed = True
        yield
        self._is_postponed = False
        if self.wished:
            raise KeyboardInterrupt

    def wish(self, _: int, __: FrameType | None) -> None:
        if self.wished or not (self.training_began or self._is_postponed):
            raise KeyboardInterrupt
        self.wished = True

    @contextmanager
    def handled(self) -> Iterator[None]:
        before = signal.signal(signal.SIGINT, self.wish)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _new_folder(out: str | None, data: str) -> Path:
    """A folder that was not there before. Raises RequestError where it was: nothing is ever overwritten."""
    name = "standard-input" if data == "-" else Path(data).stem if Path(data).suffix else data
    name = "".join(c if c.isalnum() else "-" for c in name).strip("-")[:60]
    folder = Path(out) if out is not None else Path("runs", f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{name}")
    for number in range(2, 100):
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if out is not None:
                raise RequestError(f"'{out}' exists, and nothing is overwritten; give --out a new folder") from None
            folder = folder.with_name(f"{folder.name.removesuffix(f'_{number - 1}')}_{number}")
        except OSError as error:
            raise DataError(f"cannot make the folder '{folder}': {error.strerror or error}") from None
    raise DataError(f"cannot make a new folder beside '{folder}'")


def _remove_if_empty(folder: Path, with_parent: bool) -> None:
    """Leave no folder behind in which nothing was saved."""
    with suppress(OSError):
        folder.rmdir()
        if with_parent:
            folder.parent.rmdir()


def _hint(data: RoundData, task: str | None) -> None:
    """Say so where a column of whole numbers was taken as very many classes, and perhaps should not have been."""
    classes = data.classes or ()
    if task is None and len(classes) > MANY_CLASSES and all(name.lstrip("+-").isdigit() for name in classes):
        taken = f"the whole numbers of '{data.target_names[0]}' are taken as {len(classes)} classes"
        click.echo(f"minidl: {taken}; --task regression predicts their value", err=True)
