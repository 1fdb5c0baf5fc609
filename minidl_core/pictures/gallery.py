"""All pictures of a training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from minidl_core.errors import RequestError
from minidl_core.pictures.picture import Picture

if TYPE_CHECKING:
    from minidl_core.training import Training


def pictures_of(training: Training) -> dict[str, Picture]:
    """Those that there are of this training, by name, in the order of the report.

    `loss` over epochs, where one was done. `confusion` of classes, or `predicted` against true values. `regions`, what
    the model answers in the plane, where it takes two columns of numbers. `weights` of each layer, and `gradients`.

    Raises RequestError where matplotlib is not installed.
    """
    try:
        from minidl_core.pictures.drawing import drawing
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise RequestError(
            "pictures are drawn with matplotlib, which is not installed: pip install 'minidl-core[report]'"
        ) from None
    from minidl_core.training.threads import use_threads

    # So little is computed that a second thread would save little, and lose much where another program has its core.
    with drawing(), use_threads(1):
        return {picture.name: picture for picture in _drawn(training) if picture is not None}


def _drawn(training: Training) -> Iterator[Picture | None]:
    from minidl_core.pictures.confusion import confusion
    from minidl_core.pictures.loss_curves import loss_curves
    from minidl_core.pictures.parameters import gradients, weights
    from minidl_core.pictures.predicted import predicted_values
    from minidl_core.pictures.regions import regions
    from minidl_core.pictures.rows import answered

    trained = training.trained
    rounds = len(trained.seeds)
    yield loss_curves(training)
    rows = answered(training)
    if trained.classes is None:
        yield predicted_values(rows, trained.target_names, rounds)
    else:
        yield confusion(rows, trained.classes, rounds, training.data.is_weighted)
    yield regions(training)
    yield weights(training)
    yield gradients(training)
