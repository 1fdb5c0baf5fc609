"""Schedules that are wrong, each in one way."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.schedules import Cosine, Exponential, Progress, ReduceOnPlateau, Schedule, WarmupCosine


class Ends(Schedule):
    """Falls in a line, to below 0 in the end."""

    rejected_by = "its factors are finite and not below 0"

    def __call__(self, progress: Progress) -> float:
        return 1 - 1.2 * progress.epoch / progress.epochs


class RisesFromNothing(WarmupCosine):
    """Begins with a step that does nothing."""

    rejected_by = "its factors are finite and not below 0"

    def __call__(self, progress: Progress) -> float:
        return super().__call__(progress) if progress.step else 0.0


class DividesByOneLess(Schedule):
    """Ends at 0 just so, but for trainings of one epoch."""

    rejected_by = "its factors are finite and not below 0"
    says = "ZeroDivisionError"

    def __call__(self, progress: Progress) -> float:
        return 1 - progress.epoch / (progress.epochs - 1) / 2


class OnePlateauForAll(ReduceOnPlateau):
    """Goes by the mean over rounds."""

    rejected_by = "each round has the factors of a training of its own"

    def epoch_ended(self, epoch: int, value: Tensor) -> None:
        super().epoch_ended(epoch, value.mean().expand(value.shape))


class GoesOn(ReduceOnPlateau):
    """Goes on in a second training where the first ended."""

    rejected_by = "it begins anew in each training"

    def begin(self) -> None:
        if not hasattr(self, "factors"):
            super().begin()


class SortsLosses(Exponential):
    """Works in the caller's tensor."""

    rejected_by = "it begins anew in each training"

    def epoch_ended(self, epoch: int, value: Tensor) -> None:
        value.zero_()


class HoldsFinal(Cosine):
    """Ends at 0, whatever is asked for."""

    rejected_by = "its arguments change what it does"

    def __call__(self, progress: Progress) -> float:
        return float(torch.cos(torch.tensor(progress.epoch / progress.epochs)))
