"""`run.json`: what a run was asked to be, with what it was made, and what it gave."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from minidl_core.data.header import require_keys
from minidl_core.errors import ModelFileError
from minidl_core.persistence.strict_json import DIGITS_OF_FLOATS, at_most, finite, shown
from minidl_core.persistence.whole_file import write_whole

FILE_NAME = "run.json"
FORMAT = "1"
STATES = ("running", "done", "interrupted", "diverged")
"""`running` is also what a run says that was killed."""
MOST_BYTES = 2**26

_ITEMS = {"seeds": int, "best_epochs": int, "warnings": str}
"""Of which each is a list."""
_TYPES: dict[str, tuple[type, ...]] = {
    "state": (str,),
    "started": (str,),
    "working_directory": (str,),
    "request": (dict,),
    "asked": (list,),
    "seeds": (list,),
    "versions": (dict,),
    "providers": (list,),
    "data": (dict,),
    "epochs": (int,),
    "seconds": (int, float),
    "best_epochs": (list, type(None)),
    "figures": (dict,),
    "warnings": (list,),
    "problem": (str,),
}


@dataclass
class Record:
    """All of it, as JSON has it."""

    started: str
    """When, ISO 8601 with the time zone."""
    working_directory: str
    """What relative paths in the request are relative to."""
    request: dict[str, Any]
    """With every default filled in, see `request_json.py`."""
    asked: list[str]
    """What of it someone asked for; the rest was filled in."""
    seeds: list[int]
    """One a round."""
    versions: dict[str, str]
    """Of packages, by distribution."""
    providers: list[dict[str, str]]
    """Which plugin each component came from, as in a model file."""
    data: dict[str, Any]
    """Its SHA-256, see `data_hash`, and how many rows each part has."""
    state: str = "running"
    epochs: int = 0
    """How many were done when it ended, or when the last checkpoint was kept."""
    seconds: float = 0.0
    """Of the training loop, of all of its parts where it was resumed."""
    best_epochs: list[int] | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    """By part (`train`, ...) and metric, `{"mean", "std", "values"}`; empty until the run ends."""
    warnings: list[str] = field(default_factory=list)
    """What was told in the course of it."""
    problem: str = ""
    """Why it diverged."""

    def write(self, folder: Path) -> None:
        """Write it. Raises StorageError where that cannot be."""
        text = json.dumps(finite({"format": FORMAT, **asdict(self)}), indent=2, ensure_ascii=False)
        # A path may have bytes that are no text.
        write_whole(folder / FILE_NAME, f"{text}\n".encode("utf-8", "replace"))


def read_record(folder: str | Path) -> Record:
    """Read that of a run's folder, or the file itself. Raises ModelFileError where there is none, or it is not one."""
    path = Path(folder)
    if path.suffix != ".json" or path.is_dir():
        path = path / FILE_NAME
    given = read_json(path)
    if given.get("format") != FORMAT:
        raise ModelFileError(f"'{path}' has format {shown(given.get('format'))}, this minidl reads format '{FORMAT}'")
    try:
        require_keys("the run", given, ["format", *_TYPES])
        for name, types in _TYPES.items():
            if not isinstance(given[name], types):
                raise ModelFileError(
                    f"its {name} must be {' or '.join(t.__name__ for t in types)}, got {shown(given[name])}"
                )
        if given["state"] not in STATES:
            raise ModelFileError(f"its state must be one of {', '.join(STATES)}, got {shown(given['state'])}")
        for name, kind in _ITEMS.items():
            if not all(isinstance(one, kind) for one in given[name] or ()):
                raise ModelFileError(f"its {name} must each be {kind.__name__}, got {shown(given[name])}")
        if type(epochs := given["request"].get("epochs")) is not int:
            raise ModelFileError(f"its request must have a number of epochs, got {shown(epochs)}")
        if not _are_figures(given["figures"]):
            raise ModelFileError("its figures must be mean, std and values, by part and name")
    except ModelFileError as error:
        raise ModelFileError(f"'{path}' is not what minidl wrote: {error}") from None
    return Record(**{one.name: given[one.name] for one in fields(Record)})


def _are_figures(given: dict[str, Any]) -> bool:
    figures = [one for part in given.values() for one in (part.values() if isinstance(part, dict) else [None])]
    return all(
        isinstance(one, dict)
        and one.keys() == {"mean", "std", "values"}
        and isinstance(one["values"], list)
        and any(
            all(isinstance(number, kind | None) for number in (one["mean"], one["std"], *one["values"]))
            for kind in (int | float, list)  # of numbers, or of matrices
        )
        for one in figures
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises ModelFileError where there is none."""
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ModelFileError(f"'{path}' is larger than any {FILE_NAME} that minidl writes")
        given = json.loads(content, parse_int=at_most(DIGITS_OF_FLOATS))
        json.dumps(given, ensure_ascii=False).encode()  # half a character could not be shown
    except FileNotFoundError:
        raise ModelFileError(f"there is no run in '{path.parent}': it has no {path.name}") from None
    except OSError as error:
        raise ModelFileError(f"cannot read '{path}': {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"'{path}' is no JSON: {str(error)[:100]}") from None
    if not isinstance(given, dict):
        raise ModelFileError(f"'{path}' must be a JSON object, got {shown(given)}")
    return given
