"""`minidl tensorboard`"""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path

import click

from minidl_core.errors import MinidlError, RequestError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default="runs")
@click.option("--port", type=click.IntRange(0, 65535), help="Of the page; 0, any.  [default: 6006, or the next free]")
def tensorboard(folder: Path, port: int | None) -> None:
    """Show the trainings under FOLDER (default: runs) in TensorBoard, until Ctrl-C.

    The page is for this machine alone. Trainings that are under way, or begin later, appear as they go.

    \b
    minidl train disk --model "linear(_,25)-tanh-linear(25,_)" --rounds 5
    minidl tensorboard
    """
    _require_something_to_show(folder)
    from tensorboard.program import TensorBoard, TensorBoardServerException

    server = TensorBoard()
    server.configure(logdir=str(folder.absolute()), port=port)
    try:
        # It would advertise an option of its own command line, which is none of this one.
        with contextlib.redirect_stderr(io.StringIO()):
            address = server.launch()
    except TensorBoardServerException as error:
        raise MinidlError(f"TensorBoard does not start: {error.msg}") from None
    click.echo(f"TensorBoard shows '{folder}' at {address}\nCtrl-C ends it")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo("", err=True)  # ends the line in which a terminal shows ^C


def _require_something_to_show(folder: Path) -> None:
    """Raise RequestError for a folder that TensorBoard would show as an empty page."""
    if not folder.exists():
        raise RequestError(
            f"there is no folder '{folder}'; 'minidl train' makes 'runs', or the folder that --out names"
        )
    if not folder.is_dir():
        raise RequestError(f"'{folder}' is no folder")
    from tensorboard.backend.event_processing.io_wrapper import GetLogdirSubdirectories

    if not any(GetLogdirSubdirectories(str(folder.absolute()))):
        raise RequestError(
            f"'{folder}' has nothing that TensorBoard can show; a training writes there once its first epoch ends"
        )
