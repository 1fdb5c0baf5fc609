"""Weight decay leaves biases and the scales of norms alone where it is told to, whatever axes they have."""

from __future__ import annotations

import torch
from minidl_optim.adamw import AdamW

from minidl_core.nn import FlatParameters, Parameter, Zeros


def test_scales_of_several_axes_are_spared_too():
    scale, weight = (Parameter((2, 2), Zeros(), 1, 1, is_scale=is_scale) for is_scale in (True, False))
    parameters = FlatParameters({"scale": scale, "weight": weight}, seeds=[0], dtype=torch.float64)
    parameters.values = torch.ones(8, dtype=torch.float64)
    parameters.grads = torch.zeros(8, dtype=torch.float64)
    AdamW(lr=0.1, weight_decay=0.5, decay_biases=False).step(parameters)
    assert torch.equal(scale.value, torch.ones(2, 2, dtype=torch.float64))
    assert torch.equal(weight.value, torch.full((2, 2), 0.95, dtype=torch.float64))
