"""A whole step as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from minidl_core.data.batches import Block
from minidl_core.training.capture.graph import graph_of
from minidl_core.training.capture.phase import Phase
from minidl_core.training.capture.update import Update


class WholeStep:
    """The rows gathered from a table, their gradients, the update: one launch, where each part would be one or more.

    Args:
        gather: gathers rows of these numbers, `[*rounds, batch]`, for `gradients`.
        gradients, update: which are graphs by now.
        block: whose table it is; what comes from another needs another step.
        rows: the numbers of some batch.
    """

    def __init__(
        self, gather: Callable[[Tensor], object], gradients: Phase, update: Update, block: Block, rows: Tensor
    ) -> None:
        self._update, self._rows = update, rows.clone()
        self._gather = gather  # which keeps the memory of the table
        self._programs = [gradients.program, update.program]
        self._table = _table(block)

        def work() -> None:
            gather(self._rows)
            for program in self._programs:
                assert program is not None
                program.run()

        self._graph = graph_of(work, update.device, [*gradients.generators, *update.generators])

    def is_of(self, gradients: Phase, block: Block) -> bool:
        """Whether these are still what they were when this was made."""
        programs = [gradients.program, self._update.program]
        return programs == self._programs and _table(block) == self._table

    def run(self, rows: Tensor) -> None:
        self._rows.copy_(rows)
        self._graph.replay()
        self._update.count()


def _table(block: Block) -> list[tuple[object, ...]]:
    """The memory that a block's rows are gathered from."""
    return [(one.data_ptr(), one.shape) for one in (block.features, block.target, block.weight) if one is not None]
