"""Optimizers: a few elementwise lines on flat tensors, whatever the network."""

from minidl_core.optim.optimizer import Optimizer, optimizers_within
from minidl_core.optim.sgd import SGD

__all__ = ["SGD", "Optimizer", "optimizers_within"]
