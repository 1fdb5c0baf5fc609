"""From what goes through layers to what ails them.

All is judged by ratios, since a training that has converged has small gradients everywhere.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import NamedTuple

from minidl_core.data.rounds import Examples
from minidl_core.losses import Loss
from minidl_core.nn import Module
from minidl_core.nn.member_by_member import for_rounds
from minidl_core.optim import Optimizer
from minidl_core.training.diagnosis.illness import (
    DEAD,
    EXPLODING,
    OVERFLOWING,
    RISEN,
    SATURATED,
    STUCK,
    THROWN,
    VANISHING,
    Illness,
)
from minidl_core.training.diagnosis.look import Double
from minidl_core.training.gradients import Gradients

LEARNED = 0.1
"""A round whose loss is this part of that of its first weights learns. Little of its gradient may pass a layer, as its
outputs are where they are to stay."""
SHUT = 1e-4
"""The part of a gradient that at most passes a layer that is dead or saturated. A sigmoid at its steepest lets a
quarter through. In trainings that went well in the end it was a hundredth at least, in their first epochs six times
this part."""
MOSTLY, HALF = 0.85, 0.5
"""The part of a layer's outputs that hardly any gradient passes, where the loss has not fallen to such a part. In a
network that is well some units are shut for some rows, and most for most rows only where they are to stay."""
SOME = 0.9999
"""The root of the part of outputs that are not exactly 0, where some are; 1, but for rounding, where none is."""
VANISHED, EXPLODED = 1e-6, 1e6
"""A gradient at a layer, beside that at the last one with weights. A layer of common first weights changes it by less
than ten times, so that it takes many of them."""
MOVED = 1e-3
"""The part by which a loss changes in any training that does something, if only by learning the mean."""
ROSE = 10.0
"""How many times a loss is what it was with the first weights where it has risen, and not only wavers."""
HUGE = 1e6
"""A number in a model that is about to overflow."""
THROW = 0.1
"""A change of a layer's weights in one step, as part of their size, that throws them out of range when it is repeated.
A good step changes them by about a thousandth."""


class Sign(NamedTuple):
    """What ails a round, counted from 0, at which layer (None: at none), and how bad it is, for people."""

    illness: Illness
    place: str | None
    round: int
    number: str


def signs_of_layers(double: Double, fallen: list[float]) -> Iterator[Sign]:
    """What ails layers, after a pass: one of each round, whose loss is such a part of that of its first weights."""
    with_parameters, without = [], []
    for place, passages in double.passages.items():
        if passages[0].has_parameters:
            with_parameters.append(place)
        elif passages[0].x.shape == passages[0].y.shape:
            without.append(place)
    dy = double.sizes("dy", with_parameters + without)
    passing = _shares(double.sizes("dx", without), dy)
    closed = {place: [root**2 for root in roots] for place, roots in double.sizes("is_closed", without).items()}
    suspects = [place for place in without if min(passing[place]) <= SHUT or max(closed[place]) >= MOSTLY]
    shut = _Shut.of(double, suspects, dy)
    for r, part in enumerate(fallen):
        # What has halved its loss learns, through whatever is open still.
        is_shut = {p: passing[p][r] <= SHUT or (closed[p][r] >= MOSTLY and part > HALF) for p in suspects}
        # Of several the last, which the gradient comes to first.
        found = [(p, illness) for p in suspects if is_shut[p] and (illness := shut.illness(p, r))]
        if found and (found[-1][1] is DEAD or part >= LEARNED):
            place, illness = found[-1]
            yield Sign(illness, place, r, f"{math.floor(100 * closed[place][r])} %")
        elif part >= LEARNED and not any(is_shut.values()):
            yield from _of_depth(r, {place: dy[place][r] for place in with_parameters})


def _shares(dx: dict[str, list[float]], dy: dict[str, list[float]]) -> dict[str, list[float]]:
    """What part of a gradient passes each layer, in each round; all of it where none arrives."""
    return {place: [b / a if a > 0 else 1.0 for a, b in zip(dy[place], dx[place], strict=True)] for place in dx}


class _Shut(NamedTuple):
    """More of the layers that let hardly any gradient through in some round."""

    places: list[str]
    x: dict[str, list[float]]
    is_above: dict[str, list[float]]
    """0 where all outputs are exactly 0, 1 where none is."""
    mirrored: dict[str, list[float]]
    """What part of a gradient would pass with -x: of a relu all of it, of a sigmoid as little."""

    @classmethod
    def of(cls, double: Double, places: list[str], dy: dict[str, list[float]]) -> _Shut:
        x, is_above = double.sizes("x", places), double.sizes("is_above", places)
        return cls(places, x, is_above, _shares(double.sizes("mirrored_dx", places), dy))

    def illness(self, place: str, r: int) -> Illness | None:
        """What a layer has in a round that it is shut in."""
        if self.x[place][r] == 0:
            return None
        is_above, one_sided = self.is_above[place][r], self.mirrored[place][r] > HALF
        if is_above < SOME and one_sided:  # a relu some of whose units are always zero may be right
            return DEAD if is_above == 0 else None
        return SATURATED


def confirmed(signs: list[Sign], double: Double) -> list[Sign]:
    """Those signs that a forward pass of more rows has not refuted: a layer that is dead must give 0 for them too."""
    dead = double.sizes("is_above", sorted({sign.place for sign in signs if sign.illness is DEAD and sign.place}))
    return [sign for sign in signs if sign.illness is not DEAD or dead[sign.place or ""][sign.round] == 0]


def _of_depth(r: int, dy: dict[str, float]) -> Iterator[Sign]:
    """A gradient that vanishes or explodes from the last of some layers to the one where it has become most so."""
    last = next(reversed(dy.values()), 0.0)
    if not 0 < last < math.inf:
        return
    least, most = min(dy, key=lambda place: dy[place]), max(dy, key=lambda place: dy[place])
    if dy[most] > EXPLODED * last:
        yield Sign(EXPLODING, most, r, f"{dy[most] / last:.0e}")
    elif dy[least] < VANISHED * last:
        yield Sign(VANISHING, least, r, f"{dy[least] / last:.0e}" if dy[least] else "0")


def signs_of_loss(first: list[float], now: list[float]) -> Iterator[Sign]:
    """What ails the loss of each round, of the same rows with the first weights and now."""
    for r, (before, after) in enumerate(zip(first, now, strict=True)):
        if 0 < ROSE * before < after:
            yield Sign(RISEN, None, r, f"{after / before:.2g}")
        elif before != 0 and abs(after - before) < MOVED * abs(before):
            yield Sign(STUCK, None, r, f"{after:.4g}")


def why_diverged(
    model: Module, loss: Loss, optimizer: Optimizer, gradients: Gradients, sample: Examples, r: int
) -> Sign | None:
    """Which layer of a model that is about to diverge in round r is the one to do so."""
    model = copy.deepcopy(model)
    double, parameters = Double(for_rounds(model), loss), model.parameters
    double.forward(sample)
    parameters.grads = double.backward()
    places = list(double.passages)
    y, dx = double.sizes("y", places), double.sizes("dx", places)
    for place, sizes in [*y.items(), *reversed(dx.items())]:
        if not sizes[r] < HUGE:
            return Sign(OVERFLOWING, place, r, f"{sizes[r]:.0e}")
    dy = double.sizes("dy", places)
    if sign := next(_of_depth(r, {p: dy[p][r] for p in places if double.passages[p][0].has_parameters}), None):
        return sign
    arguments, named = optimizer.__getnewargs_ex__()
    before = {name: one.value.clone() for name, one in parameters.named.items()}
    gradients(parameters)
    type(optimizer)(*arguments, **named).step(parameters)
    changes: dict[str, float] = {}
    for name, one in parameters.named.items():
        old, new = (value.reshape(-1, one.size)[r] for value in (before[name], one.value))
        size = float(old.norm())
        if size > 0:
            place = name.rpartition(".")[0]
            changes[place] = max(changes.get(place, 0.0), float((new - old).norm()) / size)
    worst = max(changes, key=lambda place: changes[place], default="")
    return Sign(THROWN, worst, r, f"{changes[worst]:.1g}") if changes and changes[worst] > THROW else None
