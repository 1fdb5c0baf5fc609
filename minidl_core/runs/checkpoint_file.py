"""`checkpoint.safetensors`: everything that is needed to go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from minidl_core.data.header import require_keys
from minidl_core.errors import ModelFileError
from minidl_core.persistence.strict_json import DIGITS_OF_TENSORS, at_most, shown
from minidl_core.persistence.tensor_file import open_tensors, write_tensors
from minidl_core.training.checkpoint import Checkpoint, State

FILE_NAME = "checkpoint.safetensors"
FORMAT = "checkpoint 1"
KEYS = ("format", "minidl", "request", "seconds", "numbers")


def write_checkpoint(path: Path, checkpoint: Checkpoint, request: Mapping[str, Any], seconds: float) -> None:
    """Write one of a training that was asked for so, and has taken so many seconds."""
    tensors = {f"{part}/{name}": one for part, state in checkpoint.items() for name, one in state.tensors.items()}
    numbers = {part: state.numbers for part, state in checkpoint.items()}
    header = {
        "format": FORMAT,
        "minidl": metadata.version("minidl-core"),
        "request": _hash(request),
        "seconds": seconds,
        # A text within the text, since it may have numbers that are not finite, which JSON has no words for.
        "numbers": json.dumps(numbers),
    }
    write_tensors(path, tensors, header)


def read_checkpoint(path: Path, request: Mapping[str, Any]) -> tuple[Checkpoint, float]:
    """The checkpoint, and how many seconds it had taken.

    Raises ModelFileError where it is none, or that of another request, `epochs` apart.
    """
    with open_tensors(path, "checkpoint") as opened:
        if opened.header.get("format") != FORMAT:
            found = shown(opened.header.get("format"))
            raise ModelFileError(f"'{path}' has format {found}, this minidl reads '{FORMAT}'")
        header = require_keys(f"the header of '{path}'", opened.header, KEYS)
        if header["request"] != _hash(request):
            raise ModelFileError(
                f"'{path}' is of another request than run.json beside it; what a run was asked for stays, but for the "
                "number of epochs; begin a new one with --config"
            )
        try:
            numbers, seconds = json.loads(header["numbers"], parse_int=at_most(DIGITS_OF_TENSORS)), header["seconds"]
            if type(seconds) not in (int, float) or seconds < 0:
                raise ValueError(f"{shown(seconds)} are no seconds")
            checkpoint = {part: State({}, dict(own)) for part, own in numbers.items()}
            for full_name in opened.declared:
                part, _, name = full_name.partition("/")
                checkpoint[part].tensors[name] = opened.tensor(full_name)
            _require_whole(checkpoint)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelFileError(f"'{path}' is not a minidl checkpoint ({type(error).__name__}: {error})") from None
    return checkpoint, float(seconds)


def _require_whole(checkpoint: Checkpoint) -> None:
    """Raise ValueError or KeyError where the losses of an epoch are not there."""
    validation = checkpoint.get("validation")
    validated = 0 if validation is None else len(validation.tensors.get("losses", ()))
    if epochs_of(checkpoint) != validated and validation is not None:
        raise ValueError(f"{epochs_of(checkpoint)} epochs have {validated} losses on the validation part")


def epochs_begun(checkpoint: Checkpoint) -> int:
    """The same, and one where steps of another were done."""
    return epochs_of(checkpoint) + bool(checkpoint["course"].numbers.get("done"))


def epochs_of(checkpoint: Checkpoint) -> int:
    """How many were done when it was made."""
    return len(checkpoint["course"].tensors["history"])


def _hash(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps({**request, "epochs": None}, sort_keys=True).encode()).hexdigest()
