"""All that was measured, as a file: the page and the charts can be written anew from it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.compare import Comparison, Result
from benchmarks.memory import Memory
from benchmarks.where import Breakdown

FILE_NAME = "results.json"


@dataclass
class Results:
    """Of one run of the benchmarks."""

    machine: dict[str, str]
    is_quick: bool
    comparisons: list[Comparison] = field(default_factory=list)
    growth: dict[str, dict[int, Comparison]] = field(default_factory=dict)
    """By what grows, and by its size."""
    where: list[Breakdown] = field(default_factory=list)
    """Of the workloads in which minidl falls short of a bar."""
    memory: list[Memory] = field(default_factory=list)
    first_step: list[tuple[float, float]] = field(default_factory=list)
    """Seconds to minidl's first step, and of `import torch`."""

    def find(self, workload: str, threads: int = 1) -> Comparison | None:
        """The comparison of a workload."""
        return next((c for c in self.comparisons if (c.workload, c.threads) == (workload, threads)), None)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE_NAME).write_text(json.dumps(_rounded(dataclasses.asdict(self)), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Results:
        found: dict[str, Any] = json.loads((folder / FILE_NAME).read_text())
        return cls(
            found["machine"],
            found["is_quick"],
            [_comparison(one) for one in found["comparisons"]],
            {
                what: {int(size): _comparison(one) for size, one in sizes.items()}
                for what, sizes in found["growth"].items()
            },
            [
                Breakdown(one["workload"], one["whole"], [(call, times, time) for call, times, time in one["calls"]])
                for one in found.get("where", [])
            ],
            [Memory(**one) for one in found["memory"]],
            [(ours, torch) for ours, torch in found["first_step"]],
        )


def _comparison(found: dict[str, Any]) -> Comparison:
    return Comparison(**found | {"results": [Result(**result) for result in found["results"]]})


def _rounded(value: Any) -> Any:
    """Numbers with the digits that a clock and float32 have."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value
