"""What the tests of commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parents[1] / "examples" / "data"
NETWORK = "linear(_,8)-tanh-linear(8,_)"


class Ran(NamedTuple):
    """What became of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)
