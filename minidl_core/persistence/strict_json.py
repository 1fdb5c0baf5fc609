"""JSON in files, read with distrust: what one reader would take for this and another for that is refused."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Callable
from typing import Any, NoReturn

from minidl_core.errors import ModelFileError

MAX_VALUES = 500_000
"""Values and keys of one text, so that reading it takes less than 100 MB."""
MAX_DIGITS = 1000
"""Of a whole number."""
DIGITS_OF_FLOATS, DIGITS_OF_TENSORS = 300, 18
"""Of one that a float, or a tensor of integers, can be too."""

_ESCAPE = re.compile(r"\\(?:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(?P<half>ud[89a-f][0-9a-f]{2})|.)", re.I | re.S)


def dumped(value: Any) -> str:
    """The shortest text, of ASCII alone. Raises ModelFileError for what JSON cannot say, such as NaN."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"its header cannot be written as JSON: {error}") from None


def parsed(text: str) -> Any:
    """The value of a text. Raises ModelFileError, about 'its header', for what is not JSON, or says a thing twice."""
    if sum(map(text.count, ",:[{")) > MAX_VALUES:  # each value but the first follows one of these
        raise ModelFileError(f"its header has more than {MAX_VALUES:,} values, which no model needs")
    if any(found["half"] for found in _ESCAPE.finditer(text)):
        raise ModelFileError("its header has text with half a character (a lone surrogate)")
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_real
        )
    except RecursionError:
        raise ModelFileError("its header has lists or objects too deep within each other") from None
    except ValueError as error:
        raise ModelFileError(f"its header is no JSON: {error}") from None


def finite(value: Any) -> Any:
    """A value in whose place JSON has a word for each number: null for those that are not finite."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def at_most(most: int) -> Callable[[str], int]:
    """What reads whole numbers of so many digits for `json.loads`; ValueError for a longer one."""

    def number(digits: str) -> int:
        if len(digits) > most:
            raise ValueError(f"a whole number of {len(digits):,} digits, at most {most} are read")
        return int(digits)

    return number


def shown(given: Any) -> str:
    """A value for an error, however large it is."""
    return reprlib.repr(given)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = set()
        for name, _ in pairs:
            if name in names:
                raise ModelFileError(f"its header has the key {shown(name)} twice in one object")
            names.add(name)
    return found


def _constant(name: str) -> NoReturn:
    raise ModelFileError(f"its header has {name}, which is no number of JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ModelFileError(f"its header has a number of {len(digits):,} digits, at most {MAX_DIGITS:,} are read")
    return int(digits)


def _real(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ModelFileError(f"its header has the number {digits[:40]}, which is larger than any that is computed with")
    return number
