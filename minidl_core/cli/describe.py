"""`minidl describe`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from minidl_core.cli import completion
from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.cli.preprocessing import print_trained, trained_as_json
from minidl_core.spec.shape import Shape, spelt

if TYPE_CHECKING:
    from minidl_core.nn import Sequential
    from minidl_core.training import TrainedModel


class _Row(NamedTuple):
    name: str
    spec: str
    output: Shape
    parameters: int
    operations: int


def _shape(_: click.Context, __: click.Parameter, value: str | None) -> Shape | None:
    """A size, `4`, or several, `1x8x8`."""
    sizes = value.split("x") if value is not None else []
    if not all(size.isascii() and size.isdigit() and int(size[:12]) > 0 for size in sizes):
        raise click.BadParameter(f"'{value}' is no size; write the number of features, 4, or several sizes, 1x8x8")
    return tuple(map(int, sizes)) if sizes else None


@click.command()
@click.argument("spec", metavar="SPEC|MODEL", shell_complete=completion.spec("layer"))
@click.option("--input", "input_shape", callback=_shape, metavar="N", help="The size of one example: 4, or 1x8x8.")
@json_option
def describe(spec: str, input_shape: Shape | None, as_json: bool) -> None:
    """Describe a model: each layer's output, parameters and operations for one example.

    Of a spec, or of MODEL, a model file or the folder of a run, with what becomes of each column of the data before it.
    """
    from minidl_core.errors import RequestError
    from minidl_core.spec import build_model

    trained = _trained(spec)
    model = trained.model if trained else build_model(spec, input_shape)
    shape = (trained.features.width,) if trained else input_shape or model.input_shape()
    if shape is None:
        raise RequestError("the size of the input is not known from the spec; give it: --input 4")
    rows = list(_rows(model, shape, ""))
    parameters, operations = sum(row.parameters for row in rows), sum(row.operations for row in rows)
    if as_json:
        layers = [row._asdict() for row in rows]
        output = model.output_shape(shape)
        totals = {"parameters": parameters, "operations": operations}
        learned = trained_as_json(trained) if trained else {}
        print_json({"model": str(model), "input": shape, "output": output, "layers": layers, **totals, **learned})
        return
    if trained:
        print_trained(trained)
    table = [(row.name, row.spec, spelt(row.output), f"{row.parameters:,}", f"{row.operations:,}") for row in rows]
    table = [
        ("", "input", spelt(shape), "", ""),
        *table,
        ("", "total", "", f"{parameters:,}", f"{operations:,}"),
    ]
    headings = ("", "LAYER", "OUTPUT", "PARAMETERS", "OPERATIONS")
    print_table(headings, table, right=headings[2:])


def _trained(spec: str) -> TrainedModel | None:
    """The model in a file; None where this is the text of a spec."""
    if not spec.endswith(".safetensors") and not Path(spec).exists():
        return None
    from minidl_core.training import load_model

    return load_model(spec)


def _rows(model: Sequential, shape: Shape, prefix: str) -> Iterator[_Row]:
    """A row for each layer, those of a labelled chain one by one."""
    from minidl_core.nn import Sequential

    for name, layer in model.children():
        if isinstance(layer, Sequential):
            yield from _rows(layer, shape, f"{prefix}{name}.")
        else:
            parameters = sum(parameter.size for parameter in layer.named_parameters().values())
            output = layer.output_shape(shape)
            yield _Row(prefix + name, str(layer), output, parameters, layer.operations(shape))
        shape = layer.output_shape(shape)
