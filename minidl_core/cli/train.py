"""`minidl train`"""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from minidl_core.cli import completion
from minidl_core.cli.config import config_option, with_command_line_first
from minidl_core.cli.data_options import data_options
from minidl_core.cli.figures import metric_option
from minidl_core.cli.interruption import Interruption
from minidl_core.cli.output import json_option, print_json
from minidl_core.cli.progress import progress
from minidl_core.cli.training_summary import print_summary, summary
from minidl_core.errors import DivergedError, MinidlError, RequestError, StorageError

if TYPE_CHECKING:
    from minidl_core.data.rounds import RoundData
    from minidl_core.training import Training

MANY_CLASSES = 20
WITH_RESUME = ("resume", "epochs", "save_every", "quiet", "as_json")
"""What a run that goes on may be told."""


@click.command()
@click.argument("data", required=False, shell_complete=completion.data)
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
    "--capture/--no-capture",
    default=True,
    show_default=True,
    help="Replay recorded steps, or run each through the layers' own Python.",
)
@config_option
@click.option(
    "--out",
    metavar="DIR",
    shell_complete=completion.folder,
    help="A new folder of the run.  [default: runs/TIME-DATA]",
)
@click.option(
    "--save-every",
    type=click.IntRange(1),
    metavar="N",
    help="Keep a checkpoint after each N epochs.  [default: when ten seconds have passed]",
)
@click.option(
    "--resume",
    metavar="DIR",
    shell_complete=completion.folder,
    help="Go on with the run in DIR as if it had not stopped; --epochs gives it more.",
)
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@json_option
def train(data: str | None, resume: str | None, quiet: bool, as_json: bool, **options: Any) -> int:
    """Train a model on DATA: a file with a table, standard input (-), or a registered dataset.

    Files are .csv and .tsv with a header, .parquet, .jsonl, .npz, and .npy, which may be larger than memory. Numbers
    are standardized, categories become one input each. Of a file 20 % of the rows are held out for test; a dataset
    draws a test sample of its own size. Each round has its own split (or sample), first weights and batches, from its
    own seed.

    The run's folder has the model, the request, the losses of each epoch, a report to look at, and all that is needed
    to go on: Ctrl-C ends the training after the step at hand, and --resume goes on from there.

    \b
    minidl train iris.csv --target species
    minidl train disk --model "linear(_,25)-tanh-linear(25,_)" --rounds 10
    minidl train --resume runs/2026-03-01T10-20-30-iris
    """
    context = click.get_current_context()
    if resume is not None:
        _require_nothing_else(context)
    elif data is None:
        raise click.UsageError("give DATA to train on, --config FILE that names it, or --resume DIR", context)
    options.pop("config")
    options = with_command_line_first(context, options)
    interruption = Interruption()
    with interruption.handled():
        with interruption.postponed():
            from minidl_core import runs
            from minidl_core.runs.record import read_record
        is_named = resume is not None or options["out"] is not None
        if resume is None:
            folder, wished = Path(options.pop("out") or _new_folder(str(data))), options["epochs"]
            how: Any = partial(runs.train, options.pop("model"), data, out=folder, **options)
        else:
            folder, request = Path(resume), read_record(resume).request
            more = None if _is_default(context, "epochs") else options["epochs"]
            data, wished = str(request.get("data")), more or request.get("epochs")
            how = partial(runs.resume, folder, epochs=more, save_every=options["save_every"])
        try:
            training, problem = _train(how, wished, quiet, interruption)
        finally:
            if not is_named:
                _remove_if_empty(folder)
        if resume is None:
            _hint(training.data, options["task"])
        if interruption.signal and problem is None:
            # Before the figures: whoever reads them may have been interrupted too, and be gone.
            done = f"{training.epochs} of {wished} epochs were done"
            moment = "of that moment" if training.best_epochs is None else "of each round's best epoch"
            again = f"; go on with: minidl train --resume {quote(str(folder))}" if training.interrupted else ""
            click.echo(f"minidl: interrupted; {done}; the model and the figures are those {moment}{again}", err=True)
        if as_json:
            print_json(summary(training, folder, problem))
        else:
            print_summary(str(data), training, folder if problem is None or _is_kept(problem) else None, wished)
    if problem is not None:
        raise problem
    return interruption.exit_code


def _train(how: Any, epochs: int, quiet: bool, interruption: Interruption) -> tuple[Training, MinidlError | None]:
    """What the training gave, and what went wrong with it all the same."""
    shown = nullcontext() if quiet else progress(epochs)
    # What a component prints does not mix with results.
    with redirect_stdout(sys.stderr), shown as on_epoch:
        try:
            training: Training = how(stop=interruption.stop, on_epoch=on_epoch)
        except (DivergedError, StorageError) as error:
            if error.training is None:
                raise
            return error.training, error
    return training, None


def _is_kept(problem: MinidlError) -> bool:
    """Whether there is a model in the folder."""
    return isinstance(problem, DivergedError)


def _require_nothing_else(context: click.Context) -> None:
    """Refuse what was asked for beside --resume: a run that goes on is the one that it was."""
    for parameter in context.command.params:
        name = parameter.name or ""
        is_typed = context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
        if name not in WITH_RESUME and is_typed:
            said = parameter.opts[0] if isinstance(parameter, click.Option) else "DATA"
            raise RequestError(
                f"a run that is resumed is the one that was asked for; leave {said} out, or begin another with "
                f"--config {quote(context.params['resume'])}"
            )


def _is_default(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) == click.core.ParameterSource.DEFAULT


def _new_folder(data: str) -> Path:
    """A new folder, named by the time and the data."""
    name = "standard-input" if data == "-" else Path(data).stem if Path(data).suffix else data
    name = "".join(c if c.isalnum() else "-" for c in name).strip("-")[:60]
    first = Path("runs", f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{name}")
    for folder in (first, *(first.with_name(f"{first.name}_{number}") for number in range(2, 1000))):
        try:
            folder.mkdir(parents=True)  # so that no other process takes it
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise StorageError(f"cannot make the folder '{folder}': {error.strerror or error}") from None
    raise StorageError(f"cannot make a new folder beside '{first}'; give one: --out DIR")


def _remove_if_empty(folder: Path) -> None:
    """Leave no folder behind in which nothing was kept."""
    with suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()


def _hint(data: RoundData, task: str | None) -> None:
    """Say so where a column of whole numbers was taken as very many classes, and perhaps should not have been."""
    classes = data.classes or ()
    if task is None and len(classes) > MANY_CLASSES and all(name.lstrip("+-").isdigit() for name in classes):
        taken = f"the whole numbers of '{data.target_names[0]}' are taken as {len(classes)} classes"
        click.echo(f"minidl: {taken}; --task regression predicts their value", err=True)
