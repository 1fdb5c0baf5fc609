"""A training step over the rows of a batch: forward, loss, backward, update."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minidl_core.data.batches import Block
from minidl_core.errors import ModelFileError, ShapeError
from minidl_core.losses import Loss, loss_of
from minidl_core.nn import Module
from minidl_core.optim import Optimizer
from minidl_core.persistence.strict_json import shown
from minidl_core.spec.component import Component
from minidl_core.training.capture.numpy_calls import FLOATS, array_of
from minidl_core.training.capture.phase import Phase, log
from minidl_core.training.capture.remembered import Attribute
from minidl_core.training.capture.update import Update
from minidl_core.training.capture.whole_step import WholeStep
from minidl_core.training.capture.worth import Gain
from minidl_core.training.gradients import Gradients


class CapturedStep:
    """The steps of a training. All tensors of a step stay where they are, so that it can be recorded once and replayed.

    Batches of each size have tensors and a recording of their own, the update one for all.

    Args:
        gradients: what becomes of them before the optimizer takes its step; None leaves them as they are.
        threads: with how many torch computes.
        capture: False to run every step plainly.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        gradients: Gradients | None = None,
        *,
        threads: int,
        capture: bool = True,
    ) -> None:
        self.model, self.loss = model, loss
        self.parameters = model.parameters
        if capture and torch.is_inference_mode_enabled():  # where no one sees what is changed in place
            log.warning("a training step is not captured, and runs more slowly: it is run in torch.inference_mode()")
            capture = False
        self.threads, self.capture = threads, capture
        self.update = Update(optimizer, self.parameters, gradients, threads, self.capture)
        self.update.beside = None
        self.state: list[Attribute] = []
        """What layers and the loss carry over from step to step, whatever the size of the batch."""
        self._of_shape: dict[tuple[int, ...], _Gradients] = {}
        self._last: _Gradients | None = None
        """That of the last step, which decides what attributes are after it."""
        self._is_given_back = True
        self._said: set[str] = set()
        self._on_gpu = self.parameters.values.is_cuda

    def components(self) -> list[Component]:
        """All that may remember something, but for the optimizer."""
        return [*self.model.layers_within().values(), self.loss]

    def run(self, block: Block, losses: Tensor, stop: Callable[[], bool]) -> tuple[int, bool]:
        """Take a step for each batch of a block, until `stop()`; returns how many, and whether it was stopped.

        Args:
            losses: `[batches, *rounds]`, where the loss of each step is written.
        """
        in_numpy = self._is_in_numpy(block)
        features, target, weight = self._rows_of(block)
        means = array_of(losses) if in_numpy else losses
        done, self._is_given_back = 0, False
        try:
            with np.errstate(all="ignore"):
                for batches in block.batches:
                    gradients = self._last = self._gradients(batches.shape[1:], block)
                    for rows in array_of(batches) if in_numpy else batches:
                        if not (self._on_gpu and self._in_one_launch(gradients, block, rows)):
                            gradients.take(features, target, weight, rows)
                            try:
                                gradients.run()
                            except RuntimeError:
                                gradients.explain()
                                raise
                            self.update.run()
                        means[done] = gradients.mean_as_taken
                        done += 1
                        if stop():
                            return done, True
        except BaseException:
            self.give_back()
            raise
        finally:
            self._say_obstacles()
        return done, False

    def _in_one_launch(self, gradients: _Gradients, block: Block, rows: Tensor) -> bool:
        """Take a step as one CUDA graph; False where a part of it is none, or other rows come with each block."""
        if not (block.is_all and gradients.is_graph and self.update.is_graph and self.update.has_its_rate()):
            return False
        if gradients.whole is None or not gradients.whole.is_of(gradients, block):
            gather = partial(gradients.take, block.features, block.target, block.weight)
            gradients.whole = WholeStep(gather, gradients, self.update, block, rows)
        gradients.whole.run(rows)
        return True

    def _say_obstacles(self) -> None:
        """Say, once each, why steps run plainly that were to be captured."""
        for phase in self.phases():
            if phase.obstacle and phase.obstacle not in self._said:
                self._said.add(phase.obstacle)
                log.warning("a training step is not captured, and runs more slowly: %s", phase.obstacle)

    def _rows_of(self, block: Block) -> tuple[Any, Any, Any]:
        """The features, the targets and the weights of a block, as they are gathered from."""
        rows: tuple[Tensor | None, ...] = (block.features, block.target, block.weight)
        features, target, weight = (
            array_of(one) if one is not None and self._is_in_numpy(block) else one for one in rows
        )
        return features, target, weight

    def _is_in_numpy(self, block: Block) -> bool:
        """Whether rows are gathered by NumPy, which has not all types."""
        return (
            block.features.device.type == "cpu"
            and {block.features.dtype, self.parameters.values.dtype} <= FLOATS.keys()
        )

    def give_back(self) -> None:
        """Let components have what replays made in their place; once, for others may set it anew afterwards."""
        if self._is_given_back:
            return
        self._is_given_back = True
        self.update.give_back()
        if self._last is not None:
            self._last.give_back()

    def close(self) -> None:
        """Let go of all memory, which else would stay until Python looks for garbage; no step is taken any more."""
        if self._on_gpu:  # whose graphs may run yet, and read and write it
            torch.cuda.synchronize(self.parameters.values.device)
        for phase in self.phases():
            vars(phase).clear()  # its methods are among its attributes, and hold it
        self._of_shape.clear()
        self._last = None

    def refresh(self) -> None:
        """Take note of what others have done to components since the last step."""
        for phase in self.phases():
            phase.refresh()

    @property
    def stages(self) -> dict[str, Any]:
        """How far the update, and what comes before it for batches of each shape, have come: for `reach`."""
        return {
            "update": self.update.stage,
            "gradients": [[list(shape), phase.stage] for shape, phase in self._of_shape.items()],
        }

    def reach(self, stages: Mapping[str, Any], block: Block) -> None:
        """Come as far as another training did, by steps that change all that is learned: it is to be restored then.

        A plain run and a replay differ by rounding, so that a training which goes on must go on with the same.
        """
        first = block.batches[0]
        with np.errstate(all="ignore"):
            for shape, stage in stages["gradients"]:
                if list(shape[:-1]) != list(first.shape[1:-1]) or not 0 < shape[-1] <= first.shape[-1]:
                    raise ModelFileError(f"the checkpoint is that of batches of shape {shown(shape)}")
                gradients = self._gradients(tuple(shape), block)
                batches = itertools.cycle(part[..., : shape[-1]].contiguous() for part in first)
                gradients.reach(stage, partial(self._take_next, gradients, block, batches))
            if stages["gradients"]:
                self.update.reach(stages["update"])

    def _take_next(self, gradients: _Gradients, block: Block, batches: Iterator[Tensor]) -> None:
        rows = next(batches)
        gradients.take(*self._rows_of(block), array_of(rows) if self._is_in_numpy(block) else rows)

    def phases(self) -> list[Phase]:
        """The update, and what comes before it for batches of each size."""
        return [self.update, *self._of_shape.values()]

    def _gradients(self, shape: tuple[int, ...], block: Block) -> _Gradients:
        """The part before the update, for batches of this shape, `[*rounds, batch]`."""
        if shape not in self._of_shape:
            made = _GradientsInNumpy if self._is_in_numpy(block) else _Gradients
            self._of_shape[shape] = made(self, shape, block)
        return self._of_shape[shape]


class _Gradients(Phase):
    """Forward, loss and backward of batches of one shape."""

    def __init__(self, step: CapturedStep, shape: tuple[int, ...], block: Block) -> None:
        self._step = step
        values = step.parameters.values
        self.x = block.features.new_empty(*shape, *block.features.shape[1:])
        self.target = block.target.new_empty(*shape, *block.target.shape[1:])
        self.weight = None if block.weight is None else block.weight.new_empty(*shape)
        self.mean = values.new_empty(step.parameters.rounds)
        """The loss of each round, `[*rounds]`."""
        self.mean_as_taken: Any = self.mean
        self.whole: WholeStep | None = None
        """This and what surrounds it, on a GPU."""
        super().__init__(self._compute, step.components, step.state, values.device, step.threads, step.capture)
        self.beside = Gain.of_update(values.numel())

    def take(self, features: Any, target: Any, weight: Any, rows: Any) -> None:
        """Gather the batch's rows."""
        torch.index_select(features, 0, rows.view(-1), out=self.x.view(-1, *features.shape[1:]))
        torch.index_select(target, 0, rows.view(-1), out=self.target.view(-1, *target.shape[1:]))
        if self.weight is not None:
            torch.index_select(weight, 0, rows.view(-1), out=self.weight.view(-1))

    def _record(self) -> None:
        super()._record()
        if self._step.update.beside is None:
            self._step.update.beside = Gain() if self.program is None else self.program.gain

    def _compute(self) -> None:
        model, loss = self._step.model, self._step.loss
        mean = loss_of(loss, model.forward(self.x), self.target, self.weight)
        if mean.shape != self.mean.shape:
            raise ShapeError(f"{loss} gives {list(mean.shape)}, and one loss a round is {list(self.mean.shape)}")
        dy = loss.backward()
        if self.weight is not None:
            # A loss divides by the weights of its batch; a row counts by its weight in whatever batch it is.
            share = self.weight.mean(-1)
            mean, dy = mean * share, dy * share[..., None, None]
        model.backward(dy)
        self.mean.copy_(mean)


class _GradientsInNumpy(_Gradients):
    """The same, with what surrounds the replay as NumPy's calls too."""

    def __init__(self, step: CapturedStep, shape: tuple[int, ...], block: Block) -> None:
        super().__init__(step, shape, block)
        self._x, self._target, self.mean_as_taken = array_of(self.x), array_of(self.target), array_of(self.mean)
        self._weight = None if self.weight is None else array_of(self.weight)

    def take(self, features: Any, target: Any, weight: Any, rows: Any) -> None:
        # No row is beyond the table, so that nothing is clipped; but told so, NumPy needs no memory of its own.
        features.take(rows, 0, self._x, "clip")
        target.take(rows, 0, self._target, "clip")
        if self._weight is not None:
            weight.take(rows, 0, self._weight, "clip")
