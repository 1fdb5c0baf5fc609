"""The header of a model file, read with distrust: each thing in it that cannot be is refused by its name."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from minidl_core.data.columns import quoted
from minidl_core.errors import ModelFileError
from minidl_core.persistence.strict_json import shown

MANY = 60
"""Characters of a name, of which more are not told."""


def require_keys(what: str, given: Any, keys: Collection[str]) -> Mapping[str, Any]:
    """What was given, where it is a map with exactly these keys."""
    if not isinstance(given, dict):
        raise ModelFileError(f"{what} must be an object with {quoted(list(keys))}, got {shown(given)}")
    missing = [key for key in keys if key not in given]
    unknown = [key[:MANY] for key in given if key not in keys]
    for names, wrong in (missing, "missing"), (unknown, "not known here"):
        if names:
            raise ModelFileError(f"{what}: {quoted(names)} {'is' if len(names) == 1 else 'are'} {wrong}")
    return given


def texts_of(header: Mapping[str, Any], key: str, least: int) -> tuple[str, ...]:
    """A list of so many different texts, or more."""
    given = header[key]
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given) or len(given) < least:
        expected = f"a list of at least {least} texts" if least else "a list of texts"
        raise ModelFileError(f"its {key} must be {expected}, got {shown(given)}")
    if len(set(given)) < len(given):
        raise ModelFileError(f"its {key} must differ, got {shown(given)}")
    return tuple(given)


def numbers_of(header: Mapping[str, Any], key: str, size: int, rounds: tuple[int, ...]) -> Tensor:
    """So many finite numbers, the same for all rounds or for each of them, `[*rounds, 1, size]`, float64."""
    _require_each(header, key, size, rounds, "finite numbers", _is_finite)
    return torch.tensor(header[key], dtype=torch.float64).unsqueeze(-2)


def booleans_of(header: Mapping[str, Any], key: str, size: int, rounds: tuple[int, ...]) -> Tensor:
    """The same of booleans."""
    _require_each(header, key, size, rounds, "booleans", lambda one: isinstance(one, bool))
    return torch.tensor(header[key], dtype=torch.bool).unsqueeze(-2)


def _require_each(
    header: Mapping[str, Any], key: str, size: int, rounds: tuple[int, ...], kind: str, is_one: Any
) -> None:
    given = header[key]
    has_rounds = isinstance(given, list) and bool(rounds) and len(given) == rounds[0] and isinstance(given[0], list)
    for one in given if has_rounds else [given]:
        if not isinstance(one, list) or len(one) != size or not all(map(is_one, one)):
            each = f", or a list of them for each of {rounds[0]} rounds" if rounds else ""
            raise ModelFileError(f"its {key} must be a list of {size} {kind}{each}, got {shown(given)}")


def _is_finite(number: Any) -> bool:
    return type(number) in (int, float) and abs(number) <= sys.float_info.max
