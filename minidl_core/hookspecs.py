"""What a plugin can say to minidl.

A plugin is a module (or object) named by an entry point of the group `minidl`. It marks its
implementations with `minidl_core.hookimpl`. The entry point's name is the plugin's name, and qualifies what it
registers: `extra_losses.huber`. It implements the hooks that it needs; each may leave out arguments.

A hook that raises costs its own plugin alone: what it registered is dropped, and a training goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from torch import Tensor

    from minidl_core.registry import Registrar
    from minidl_core.training import Run, Training

PROJECT = "minidl"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def minidl_register_components(registry: Registrar) -> None:
    """Name the components that the plugin brings. Called once in a process, when a name is first looked up.

    Give names and import targets, and import nothing heavy here: a component's module is imported when
    the component is first used:

    ```python
    @hookimpl
    def minidl_register_components(registry):
        registry.loss("huber", "minidl_extra_losses.huber:Huber", summary="quadratic near zero, linear beyond")
    ```

    What a hook registered before it raised is dropped with the rest of the plugin. Since 0.1.
    """


@hookspec
def minidl_run_start(run: Run) -> None:
    """A training begins. Called once in each run, after its data and its model are ready and before the first step.

    `run` says what is trained, and where its folder is: `run.out`, None for a training from Python without one. The
    same object is given to the later hooks of the run. A run that goes on where it was stopped starts once more, after
    `run.epochs_before` epochs; what a plugin had written of later ones comes again, and is the same. Since 0.1.
    """


@hookspec
def minidl_epoch_end(run: Run, epoch: int, loss: Tensor, validation_loss: Tensor | None) -> None:
    """An epoch has ended. Called after each epoch that ended well, `epoch` counting from 1.

    `loss` is the epoch's mean training loss of each round, `[*rounds]`: a single number where there is one round.
    `validation_loss` is the loss after it on the rows that are held out for validation, or None. Since 0.1.
    """


@hookspec
def minidl_run_end(run: Run, training: Training | None) -> None:
    """A training has ended: the place to close what `minidl_run_start` opened. Called once for each start.

    `training` has the figures of all rounds, also where it was interrupted or diverged; None where it ended with an
    error that left none. Since 0.1.
    """


HOOKS: dict[str, Callable[..., None]] = {
    name: value for name, value in list(vars().items()) if hasattr(value, f"{PROJECT}_spec")
}
"""All hooks by name."""
