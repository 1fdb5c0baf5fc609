"""What the tests of runs look at in their folders."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

PARTS = ("train", "validation", "test")


def run_json(folder: str | Path) -> dict[str, Any]:
    """What a run says of itself, which must be JSON as every reader knows it."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no number of JSON")

    text = Path(folder, "run.json").read_text("utf-8")
    given: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return given


def edit(folder: str | Path, **changes: Any) -> None:
    """Change some of what a run says of itself; `request__lr=1` is `lr` of its request, and ... takes a key out."""
    given = run_json(folder)
    for path, value in changes.items():
        *within, name = path.split("__")
        place = given
        for one in within:
            place = place[one]
        if value is ...:
            del place[name]
        else:
            place[name] = value
    Path(folder, "run.json").write_text(json.dumps(given))


def contents(folder: str | Path) -> dict[str, bytes]:
    """All files of a folder; that of the lock says nothing."""
    found = sorted(path for path in Path(folder).rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def assert_same_run(one: str | Path, other: str | Path, but: Collection[str] = ()) -> None:
    """Bit for bit, but for the time that they took, and for some keys of `run.json`."""
    files, expected = contents(one), contents(other)
    for name in "model.safetensors", "history.csv":
        assert files[name] == expected[name], name
    differing = {"started", "seconds", "warnings", *but}
    told, wished = ({key: x for key, x in run_json(of).items() if key not in differing} for of in (one, other))
    assert told == wished
