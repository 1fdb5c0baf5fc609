"""Where a component's tensors are, found out without a second device."""

from __future__ import annotations

from collections.abc import Callable

import torch

from minidl_core.testing.result import CheckFailed, Skipped

NEEDS_DATA = ("meta tensor", "_local_scalar_dense", "data-dependent", "nonzero")


def without_data(use: Callable[[torch.device], None]) -> None:
    """Use a component on a GPU where there is one, and on PyTorch's meta device.

    Tensors there have a shape, a dtype and a device, and no data, so that one made on the CPU does not mix with them.
    Skipped where the component looks at numbers, which there are none of.
    """
    if torch.cuda.is_available():
        use(torch.device("cuda"))
    try:
        use(torch.device("meta"))
    except (RuntimeError, NotImplementedError) as error:
        if any(phrase in str(error) for phrase in NEEDS_DATA) and "Expected all tensors" not in str(error):
            raise Skipped("it looks at its numbers, and there is no second device here") from error
        if "device" in str(error):
            advice = "make it with x.new_zeros(...), or declare it as a Parameter"
            raise CheckFailed(f"a tensor is not where the input is: {error}; {advice}") from error
        raise
