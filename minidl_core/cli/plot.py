"""`minidl plot`"""

from __future__ import annotations

from pathlib import Path

import click

from minidl_core.cli import completion
from minidl_core.errors import RequestError


@click.command()
@click.argument("run", shell_complete=completion.folder)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["png", "svg", "html"]),
    default="png",
    show_default=True,
    help="html writes the report anew.",
)
@click.option("--picture", "names", multiple=True, metavar="NAME", help="loss, confusion, ...  [default: all]")
@click.option("--out", metavar="DIR", shell_complete=completion.folder, help="Where to.  [default: the run's folder]")
def plot(run: str, kind: str, names: tuple[str, ...], out: str | None) -> None:
    """Draw the run in the folder RUN: its losses, confusion or predicted values, regions, weights and gradients.

    Its data is read again. Pictures of the same name are replaced.
    """
    from minidl_core.persistence.whole_file import write_whole
    from minidl_core.pictures import pictures_of
    from minidl_core.runs.look import training_of
    from minidl_core.runs.report import FILE_NAME as REPORT
    from minidl_core.runs.report import report_of

    if out is not None and not Path(out).is_dir():
        raise RequestError(f"there is no folder '{out}'; make it, or leave --out out")
    if kind == "html" and names:
        raise RequestError("a report has all pictures; leave --picture out, or take --format svg or png")
    folder = Path(run if out is None else out)
    training, record = training_of(run)
    if kind == "html":
        files = {REPORT: report_of(training, record).encode()}
    else:
        pictures = pictures_of(training)
        if unknown := [name for name in names if name not in pictures]:
            raise RequestError(f"the run has no picture '{unknown[0]}'; it has {', '.join(pictures)}")
        chosen = {name: picture for name, picture in pictures.items() if not names or name in names}
        files = {
            f"{name}.{kind}": picture.png() if kind == "png" else picture.svg().encode()
            for name, picture in chosen.items()
        }
    for name, content in files.items():
        write_whole(folder / name, content)
        click.echo(folder / name)
