"""The same request gives the same bits, in this process and in a new one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from minidl_core.runs import train

MODEL = "linear(_,8)-relu-linear(8,8)-tanh-linear(8,8)-sigmoid-linear(8,_)"
SCRIPT = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_reproducible import digest
print(digest("float32"), digest("float64"))
"""


def digest(dtype: str) -> str:
    """Of every number that a training gives."""
    training = train(MODEL, "moons(n=60)", epochs=4, batch_size=10, rounds=3, seed=11, dtype=dtype)
    found = hashlib.sha256(repr((training.train, training.test)).encode())
    features = training.trained.features
    for tensor in training.history, training.trained.model.parameters.values, features.offset, features.scale:
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def test_two_new_processes_give_the_bits_of_this_one() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for hash_seed in ("1", "2")
    ]
    assert found == [[digest("float32"), digest("float64")]] * 2
