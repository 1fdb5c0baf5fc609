"""Which metrics a model is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch

from minidl_core.errors import PluginError, RequestError
from minidl_core.losses import Loss
from minidl_core.metrics import R2, Accuracy, Metric, Takes
from minidl_core.plugins import registry


def chosen_metrics(given: Sequence[Metric | str], loss: Loss, classes: Sequence[str] | None) -> list[Metric]:
    """Accuracy for classes, or R² for values, and those given after it, each once.

    Raises RequestError for what is no metric, and for one that this target, or this loss, has nothing for.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise RequestError(f'metrics must be a list of metrics or of their specs, ["f1"], got {given!r}')
    measures = [Metric.of(one) for one in given]
    for one in measures:
        if not isinstance(one, Metric):
            raise RequestError(f"each of metrics must be a Metric or the spec of one, got {one!r}")
    fitting: list[Takes] = ["values"] if classes is None else ["scores"]
    why = "the target is a value" if classes is None else "the target is a class"
    if classes is not None:
        try:
            loss.probabilities(torch.zeros(1, len(classes)))
            fitting.append("probabilities")
        except RequestError:
            why = f"the target is a class, and the loss {loss} gives no probabilities of classes"
    for one in measures:
        if one.takes not in fitting:
            raise RequestError(f"metric {one} takes {one.takes}, and {why}; metrics that fit: {_names(fitting)}")
        if classes is not None:
            # Of one row, so that a metric which is not of so many classes says so before the training.
            one(torch.full((1, len(classes)), 1 / len(classes)), torch.zeros(1, dtype=torch.int64))
    first = R2() if classes is None else Accuracy()
    return list({str(one): one for one in [first, *measures]}.values())


def _names(fitting: Sequence[Takes]) -> str:
    """The metrics that are installed and take one of these."""
    names = []
    for registration in registry().components("metric"):
        with suppress(PluginError):  # of a plugin that is broken; whoever names it is told
            if getattr(registration.load(), "takes", None) in fitting:
                names.append(registry().name_to_write(registration))
    return ", ".join(names)
