"""All that a training has come to at a step, so that it can go on as if it had never stopped."""

from minidl_core.training.checkpoint.state import Checkpoint, Keeper, State

__all__ = ["Checkpoint", "Keeper", "State"]
