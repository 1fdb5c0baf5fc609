"""Layers: each a formula and its derivative, one beside the other; and the parameters that they learn."""

from minidl_core.nn.activations import ReLU, Sigmoid, Tanh
from minidl_core.nn.initializers import Initializer, KaimingUniform, Normal, XavierNormal, XavierUniform, Zeros
from minidl_core.nn.linear import Linear
from minidl_core.nn.module import Module
from minidl_core.nn.parameter import FlatParameters, Parameter
from minidl_core.nn.saved import saved
from minidl_core.nn.sequential import Sequential

__all__ = [
    "FlatParameters",
    "Initializer",
    "KaimingUniform",
    "Linear",
    "Module",
    "Normal",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "saved",
]
