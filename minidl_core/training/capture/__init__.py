"""A training step captured once and replayed: recorded, simplified, given memory, and run as a list of bare calls."""

from minidl_core.training.capture.step import CapturedStep

__all__ = ["CapturedStep"]
