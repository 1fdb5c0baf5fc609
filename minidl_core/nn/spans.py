"""Where the layers of a model stand in its canonical text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minidl_core.errors import SpecError
from minidl_core.nn.module import Module
from minidl_core.nn.sequential import Sequential
from minidl_core.spec.component import constructor
from minidl_core.spec.parser import parse
from minidl_core.spec.syntax import Call, Chain, ListValue, Span, Value


def spans_of_layers(model: Module) -> dict[str, Span]:
    """The span in `str(model)` of each layer's own call, by its place: `0`, `hidden.2`.

    A layer that is no argument of the one that it is within is found at that one's call. Where a layer is not
    registered the text cannot be read, and there are none.
    """
    try:
        chain = parse(str(model))
    except SpecError:
        return {}
    spans: dict[str, Span] = {}
    _find(model, "", chain, spans)
    return spans


def _find(layer: Module, place: str, written: Chain, spans: dict[str, Span]) -> None:
    """Note the spans of a layer and of all within it, of which this is written."""
    spans[place] = written.span
    children = [(f"{place}.{name}" if place else name, child) for name, child in layer.children()]
    if type(layer) is Sequential:
        for (name, child), item in zip(children, written.items, strict=True):
            inner = item.unit if isinstance(item.unit, Chain) else Chain((item,), item.unit.span)
            _find(child, name, inner, spans)
        return
    [item] = written.items
    call = item.unit
    assert isinstance(call, Call)
    chains = [pair for value, node in _written_arguments(layer, call) for pair in _chains(value, node)]
    for name, child in children:
        # What it was built with; a layer that it made by itself has no text of its own.
        written_child = next((chain for value, chain in chains if value is child), None)
        if written_child is not None:
            _find(child, name, written_child, spans)
        else:
            spans |= {f"{name}.{inner}" if inner else name: call.span for inner in child.layers_within()}


def _written_arguments(layer: Module, call: Call) -> Iterator[tuple[Any, Value]]:
    """The arguments of a call as `to_spec` writes it: by name, and before these all that have no default."""
    by_place: list[Any] = []
    for name, one in constructor(type(layer)).parameters.items():
        if one.kind is one.VAR_POSITIONAL:
            by_place += layer.arguments[name]
        elif one.default is one.empty or one.kind is one.POSITIONAL_OR_KEYWORD:
            by_place.append(layer.arguments[name])
    for position, argument in enumerate(call.arguments):
        yield layer.arguments[argument.name] if argument.name else by_place[position], argument.value


def _chains(value: Any, node: Value) -> Iterator[tuple[Any, Chain]]:
    """Each component in an argument, and what is written of it."""
    if isinstance(node, ListValue):
        for one, written in zip(value, node.values, strict=True):
            yield from _chains(one, written)
    elif isinstance(node, Chain):
        yield value, node
