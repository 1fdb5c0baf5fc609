"""Runs: the folder that a training writes, goes on from, and can be repeated from."""

from minidl_core.runs.trainings import resume, train

__all__ = ["resume", "train"]
