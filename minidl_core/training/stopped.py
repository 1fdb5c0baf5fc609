"""Rounds that have stopped while others go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from minidl_core.errors import RequestError
from minidl_core.nn import Module
from minidl_core.nn.buffers import buffers_of
from minidl_core.nn.member_by_member import MemberByMember
from minidl_core.optim import Optimizer
from minidl_core.training.checkpoint.state import State, require_like

Learned = tuple[dict[str, Any], str, Any]
"""A place, the name of a tensor there, and which of its rows are those of some rounds."""


class StoppedRounds:
    """Keeps all that was learned in stopped rounds as it was then. They are computed with the others, and set back."""

    def __init__(self, model: Module, optimizer: Optimizer) -> None:
        self._model, self._optimizer = model, optimizer
        self.rounds = torch.zeros(model.parameters.rounds, dtype=torch.bool)
        """Which have stopped, `[*rounds]`."""
        self._any = False
        self._kept: list[tuple[dict[str, Any], str, Any, Tensor]] = []
        """A place, a name in it, which of the tensor's rows, and what they were."""
        self._values = self._losses = model.parameters.values.new_empty(0)
        """The weights and the last loss of each round; made when one stops."""

    @property
    def are_all(self) -> bool:
        """Whether no round goes on."""
        return self._any and bool(self.rounds.all())

    def stop(self, asked: Any, losses: Tensor) -> None:
        """Stop some rounds, after an epoch with these losses, `[*rounds]`; those that have stopped stay so.

        Args:
            asked: True or False for all, or one for each round. Raises RequestError for a tensor or a list of anything
                else; what is neither asks for nothing.
        """
        new = self._asked(asked) & ~self.rounds
        if new.any():
            if not self._any:
                self._losses, self._values = torch.zeros_like(losses), torch.zeros_like(self._model.parameters.values)
            where = new.to(losses.device)
            self._losses[where], self._values[where] = losses[where], self._model.parameters.values[where]
            self._kept += [(place, name, rows, place[name][rows].clone()) for place, name, rows in self._learned(new)]
            self.rounds, self._any = self.rounds | new, True

    def set_back(self, losses: Tensor) -> None:
        """Undo what an epoch did to stopped rounds; its losses, `[steps, *rounds]`, become that of their last one."""
        if self._any:
            where = self.rounds.to(losses.device)
            self._model.parameters.values[where] = self._values[where]
            losses[..., where] = self._losses[where]
            for place, name, rows, kept in self._kept:
                place[name][rows] = kept

    def state(self) -> State:
        return State({"rounds": self.rounds, **({"losses": self._losses} if self._any else {})}, {})

    def resume(self, state: State) -> None:
        """Stop the rounds that were stopped, where all that they have learned is there again."""
        rounds = require_like("rounds", state.tensors["rounds"], self.rounds)
        if "losses" in state.tensors:
            values = self._model.parameters.values
            self.stop(rounds, require_like("losses", state.tensors["losses"], values[..., 0]).to(values.device))

    def _asked(self, asked: Any) -> Tensor:
        expected = f"True or False, or one of them for each round, {list(self.rounds.shape)}; or None"
        if not isinstance(asked, (bool, Tensor, Sequence)) or isinstance(asked, str):
            asked = False  # what a callback happens to return, and nothing that is asked
        try:
            given = torch.as_tensor(asked).cpu()
        except (TypeError, ValueError, RuntimeError):
            raise RequestError(f"on_epoch must return {expected}, got {asked!r}") from None
        if given.dtype != torch.bool or given.shape not in [(), self.rounds.shape]:
            raise RequestError(f"on_epoch must return {expected}, got {given.dtype} of shape {list(given.shape)}")
        return given.expand(self.rounds.shape)

    def _learned(self, stopped: Tensor) -> Iterator[Learned]:
        """All that is remembered of some rounds, by the optimizer and the layers."""
        state = self._optimizer.state
        for name, value in state.items():
            if value.shape[: stopped.dim()] == stopped.shape:
                yield state, name, stopped
        yield from learned_by_layers(self._model, stopped)


def learned_by_layers(model: Module, rounds: Tensor) -> Iterator[Learned]:
    """All that layers remember of some rounds, beside their parameters."""
    layers: list[tuple[Module, Any]] = [(layer, rounds) for layer in model.layers_within().values()]
    if isinstance(model, MemberByMember):
        of_rounds = zip(model.members, rounds, strict=True)
        layers = [(one, ...) for member, is_one in of_rounds if is_one for one in member.layers_within().values()]
    for layer, rows in layers:
        for name, value in buffers_of(layer).items():
            if rows is ... or value.shape[: rounds.dim()] == rounds.shape:
                yield vars(layer), name, rows
