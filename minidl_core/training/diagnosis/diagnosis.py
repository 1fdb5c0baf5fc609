"""When to look at a training, and what to tell of what is seen."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from contextlib import AbstractContextManager

from torch import Tensor

from minidl_core.data.rounds import Examples, MappedExamples
from minidl_core.errors import DivergedError
from minidl_core.nn.member_by_member import for_rounds
from minidl_core.optim import Optimizer
from minidl_core.training.checkpoint.state import State
from minidl_core.training.diagnosis.illness import DEAD, ILLNESSES, Illness, told_of_layer, told_of_loss
from minidl_core.training.diagnosis.look import Double
from minidl_core.training.diagnosis.signs import Sign, confirmed, signs_of_layers, signs_of_loss, why_diverged
from minidl_core.training.gradients import Gradients
from minidl_core.training.threads import threads_for, use_threads
from minidl_core.training.trained_model import TrainedModel

ROWS = 64
"""Of each round that are looked at."""
MORE_ROWS = 5000
"""Of each round that must all agree that a layer is dead, and not one that seldom gives anything."""
TIMES = 4
"""A look is taken after the first epoch, and when so many times as many epochs were done as at the last one: a long
training then has hardly more of them than a short one."""

log = logging.getLogger("minidl")


class Diagnosis:
    """Looks at a model now and then while it is trained, and tells what ails it through the logger `minidl`.

    What may pass is told when it is there in two looks in a row. One illness brings others about, so of a round only
    the first is told. The training is the same as without.

    Args:
        trained: the model, with its first weights.
        prepared: what it is trained on.
    """

    def __init__(
        self, trained: TrainedModel, optimizer: Optimizer, gradients: Gradients, prepared: Examples | MappedExamples
    ) -> None:
        self._trained, self._optimizer, self._gradients = trained, optimizer, gradients
        self._prepared = prepared
        self._double: Double | None = None
        self._is_well: list[bool] = []
        self._looked = 0
        """After how many epochs the last look was taken."""
        self._told: set[tuple[Illness, str | None]] = set()
        self._seen: set[tuple[Illness, str | None, int]] = set()
        """What the last look saw, of which rounds."""
        try:
            self._sample = trained.sample(prepared, ROWS)
            self._double = Double(for_rounds(trained.model), trained.loss)
            with self._threads():
                self._first = _numbers(self._double.forward(self._sample))
        except Exception as error:
            self._give_up(error)
            return
        self._is_well = [True] * len(self._first)

    def epoch_ended(self, epoch: int) -> None:
        """After an epoch, counted from 1."""
        if epoch >= TIMES * self._looked:
            self._look(epoch)

    def ended(self, epochs: int) -> None:
        """After the last of so many epochs."""
        if epochs > self._looked:
            with self._threads():
                self._look(epochs)

    def state(self) -> State:
        names = {illness: name for name, illness in ILLNESSES.items()}
        told = [[names[illness], place] for illness, place in self._told]
        seen = [[names[illness], place, r] for illness, place, r in self._seen]
        told, seen = sorted(told, key=str), sorted(seen, key=str)
        return State({}, {"looked": self._looked, "told": told, "seen": seen, "is_well": self._is_well})

    def resume(self, state: State) -> None:
        self._looked, self._is_well = int(state.numbers["looked"]), list(map(bool, state.numbers["is_well"]))
        self._told = {(ILLNESSES[name], place) for name, place in state.numbers["told"]}
        self._seen = {(ILLNESSES[name], place, r) for name, place, r in state.numbers["seen"]}

    def explain(self, error: DivergedError) -> None:
        """Add to the error which layer of the model, as it is kept, is the one to diverge."""
        if self._double is None:
            return
        trained = self._trained
        try:
            r = error.rounds[0] - 1
            sign = why_diverged(trained.model, trained.loss, self._optimizer, self._gradients, self._sample, r)
        except Exception as failure:
            self._give_up(failure)
            return
        if sign is not None and sign.place is not None:
            told = told_of_layer(
                sign.illness, sign.number, trained.model, sign.place, "with the weights that it keeps", ""
            )
            error.args = (f"{error}\n{told}",)

    def _threads(self) -> AbstractContextManager[None]:
        """As many as a look is worth, where the training has not set their number."""
        return use_threads(threads_for(2 * self._trained.model.parameters.values.numel() * ROWS))

    def _look(self, epoch: int) -> None:
        self._looked = epoch
        if self._double is None or not any(self._is_well):
            return
        try:
            now = _numbers(self._double.forward(self._sample))
            self._double.backward()
            fallen = [after / before if before else 1.0 for before, after in zip(self._first, now, strict=True)]
            of_layers = list(signs_of_layers(self._double, fallen))
            if any(sign.illness is DEAD and self._is_well[sign.round] for sign in of_layers):
                self._double.forward(self._trained.sample(self._prepared, MORE_ROWS))
                of_layers = confirmed(of_layers, self._double)
            of_loss = list(signs_of_loss(self._first, now))
            self._double.forget()
            self._tell(of_layers, epoch)
            self._tell(of_loss, epoch)
            self._seen = {(sign.illness, sign.place, sign.round) for sign in [*of_layers, *of_loss]}
        except Exception as error:
            self._give_up(error)

    def _tell(self, signs: Iterable[Sign], epoch: int) -> None:
        """Tell what is not known yet, of rounds that were well."""
        found: dict[tuple[Illness, str | None], list[Sign]] = defaultdict(list)
        for sign in signs:
            stays = not sign.illness.passes or (sign.illness, sign.place, sign.round) in self._seen
            stays = stays and epoch >= sign.illness.least_epochs
            if stays and self._is_well[sign.round]:
                found[sign.illness, sign.place].append(sign)
        model, when = self._trained.model, f"after epoch {epoch}"
        for (illness, place), alike in found.items():
            rounds = [sign.round + 1 for sign in alike]
            for r in rounds:
                self._is_well[r - 1] = False
            if (illness, place) in self._told:
                continue
            self._told.add((illness, place))
            among, number = _among(rounds, len(self._is_well)), alike[0].number
            if place is None:
                log.warning("%s", told_of_loss(illness, number, self._optimizer, when, among))
            else:
                log.warning("%s", told_of_layer(illness, number, model, place, when, among))

    def _give_up(self, error: Exception) -> None:
        """Look no more, of a model that cannot be looked at so; the training goes on."""
        log.debug("no diagnosis: %s: %s", type(error).__name__, error)
        self._double = None


def _numbers(losses: Tensor) -> list[float]:
    numbers: list[float] = losses.reshape(-1).tolist()
    return numbers


def _among(rounds: list[int], of: int) -> str:
    """Which rounds, as part of a sentence."""
    if of == 1:
        return ""
    return f" (in all {of} rounds)" if len(rounds) == of else f" (in round {', '.join(map(str, rounds))} of {of})"
