"""Every input that PyTorch tests its modules and optimizers with is judged, or listed with the reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest
import torch
from torch import Tensor

from against_pytorch import page
from against_pytorch.inputs import Input
from against_pytorch.not_supported import NOT_SUPPORTED, NotSupported, not_supported
from against_pytorch.pair import Disagreement, Pair, difference
from against_pytorch.pairs import PAIRS, WITHOUT_COUNTERPART
from minidl_core.errors import MinidlError
from minidl_core.losses import MSE
from minidl_core.nn import ReLU
from minidl_core.nn.parameter import FlatParameters
from minidl_core.optim import SGD
from minidl_core.spec.component import Component

INPUTS = [
    pytest.param(pair, given, id=f"{pair.component}-{pair.theirs.__name__}-{given.name}")
    for pair in PAIRS
    for given in pair.own_inputs()
]


@pytest.mark.parametrize(("pair", "given"), INPUTS)
def test_an_input_gives_what_it_gives_in_pytorch_or_is_listed_as_not_supported(pair: Pair, given: Input) -> None:
    listed = not_supported(pair.component, given)
    if listed is not None:
        with pytest.raises((Disagreement, MinidlError)):
            pair.judge(given)
        given = listed.instead(given) if listed.instead else None
    if given is not None:
        pair.judge(given)


@pytest.mark.parametrize("entry", NOT_SUPPORTED, ids=lambda entry: f"{entry.component}: {entry.reason}")
def test_each_entry_of_what_is_not_supported_is_of_an_input(entry: NotSupported) -> None:
    pairs = [pair for pair in PAIRS if pair.component == entry.component]
    assert any(not_supported(pair.component, given) is entry for pair in pairs for given in pair.own_inputs())


def test_each_input_of_a_class_with_counterparts_is_one_of_theirs() -> None:
    for theirs in {pair.theirs for pair in PAIRS}:
        pairs = [pair for pair in PAIRS if pair.theirs is theirs]
        taken = {given.name for pair in pairs for given in pair.own_inputs()}
        assert taken == {given.name for given in pairs[0].inputs()} != set()


def test_each_component_of_this_repository_has_a_counterpart_or_a_reason_why_not() -> None:
    judged = {(pair.kind, pair.component) for pair in PAIRS}
    ours = {(one.kind, one.name) for one in page.components() if one.kind in ("layer", "loss", "optimizer")}
    assert judged | WITHOUT_COUNTERPART.keys() == ours
    assert not judged & WITHOUT_COUNTERPART.keys()


def a_little_more(backward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *given: backward(*given) * (1 + 1e-6)


def a_little_further(step: Callable[..., None]) -> Callable[..., None]:
    def further(self: SGD, parameters: FlatParameters) -> None:
        step(self, parameters)
        parameters.values *= 1 + 1e-7

    return further


@pytest.mark.parametrize(
    ("component", "method", "wrong"),
    [(ReLU, "backward", a_little_more), (MSE, "backward", a_little_more), (SGD, "step", a_little_further)],
)
def test_what_is_a_little_wrong_is_noticed(
    component: type[Component], method: str, wrong: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = next(pair for pair in PAIRS if pair.component == component.__name__.lower())
    given = pair.own_inputs()[3]
    pair.judge(given)
    monkeypatch.setattr(component, method, wrong(getattr(component, method)))
    with pytest.raises(Disagreement, match=rf"{pair.component} and \w+ differ by \d\.\de-0[678] on"):
        pair.judge(given)


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [
        (1.5, 1.0, 0.5),
        (150.0, 100.0, 0.5),
        (nan, nan, 0),
        (inf, inf, 0),
        (1, nan, inf),
        (nan, 1, inf),
        (-inf, inf, inf),
    ],
)
def test_a_difference_is_absolute_of_small_numbers_and_relative_of_large_ones(
    ours: float, theirs: float, apart: float
) -> None:
    assert difference(torch.tensor([0.0, ours]), torch.tensor([0.0, theirs])) == apart


def test_the_page_is_fresh_but_for_the_errors_which_differ_from_machine_to_machine() -> None:
    """`make judge` writes it anew."""
    text = page.PYTORCH.read_text(encoding="utf-8")
    fresh = page.filled(text, page.pytorch_parts(errors=lambda *_: "?"))
    for kind in ("layer", "loss", "optimizer"):
        errors = [row.pop(page.ERROR) for row in page.rows_between(text, f"{kind} table")]
        assert all(re.fullmatch(r"0|\de-\d\d", error) for error in errors[2:]), errors
    assert without_errors(fresh) == without_errors(text)


def without_errors(text: str) -> list[list[str]]:
    """The cells of all lines of a page, but those in the columns of errors."""
    lines = [line.split(" | ") for line in text.splitlines()]
    return [
        cells[: page.ERROR] + cells[page.ERROR + 1 :] if len(cells) == len(page.JUDGED) else cells for cells in lines
    ]


def test_the_page_of_the_conformance_kit_has_a_row_for_each_component() -> None:
    """`make judge` writes it anew."""
    _, _, *rows = page.rows_between(page.CONFORMANCE.read_text(encoding="utf-8"), "checks")
    assert [(kind, name) for kind, name, *_ in rows] == [(one.kind, f"`{one.name}`") for one in page.components()]
