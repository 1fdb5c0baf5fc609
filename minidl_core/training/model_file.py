"""A trained model as one file: tensors, with the spec and all else as JSON in its header. It holds no code."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidl_core.data.header import require_keys, texts_of
from minidl_core.data.preprocessing import Preprocessing
from minidl_core.data.standardization import Standardization
from minidl_core.errors import MinidlError, ModelFileError, RequestError, ShapeError, SpecError
from minidl_core.foreign import in_one_line, line
from minidl_core.losses import Loss
from minidl_core.nn import Sequential
from minidl_core.persistence.strict_json import shown
from minidl_core.persistence.tensor_file import TensorFile, open_tensors, require_writable, write_tensors
from minidl_core.persistence.tensor_header import Declared
from minidl_core.seeding import MAX_ROUNDS
from minidl_core.spec import build_component, build_model
from minidl_core.training.model_buffers import PREFIX, buffers_to_save, read_buffers, require_buffers
from minidl_core.training.providers import names_of, providers_of
from minidl_core.training.trained_model import TrainedModel, output_sizes

FORMAT = "1"
FILE_NAME = "model.safetensors"
KEYS = (
    "format",
    "minidl",
    "model",
    "loss",
    "features",
    "target_names",
    "classes",
    "weight_name",
    "target",
    "seeds",
    "providers",
)
"""Of a header: all that it has, and nothing else."""


def save_model(trained: TrainedModel, path: str | Path) -> None:
    """Write a model file, whole or not at all.

    Tensors are the model's parameters by name, `[*rounds, *shape]`, and the buffers of its layers. Raises
    ModelFileError where no one could load it, see `require_savable`, and StorageError where the file cannot be written.
    """
    try:
        tensors, header = _contents(trained)
        write_tensors(path, tensors, header)
    except ModelFileError as error:
        raise _unsavable(error) from error


def require_savable(trained: TrainedModel) -> None:
    """Raise ModelFileError where a model could not be saved, whatever it learns, since no one could load it.

    A layer or a loss is not registered; the spec, or what there is to tell of columns and classes, is too long; a layer
    keeps tensors that a new one could not be given. It looks at no number of a tensor, and takes as long as
    building the model from its spec.
    """
    try:
        require_writable(*_contents(trained))
    except ModelFileError as error:
        raise _unsavable(error) from error


def load_model(path: str | Path) -> TrainedModel:
    """Read a model file, or that of a run's folder. Raises ModelFileError for anything that is not one.

    Nothing of a file is run. The components that it names are those that are registered here, or it is refused; and
    memory is taken for no more than the file holds.
    """
    file = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
    with open_tensors(file) as opened:
        try:
            return _trained(opened)
        except SpecError as error:
            first = error.problems[0]
            advice = f"; {first.advice}" if first.advice else ""
            reason = f"its spec has a {first.kind}: {first.message}{advice}"
            raise ModelFileError(f"'{file}' cannot be loaded here: {line(reason)}") from error
        except MinidlError as error:
            raise ModelFileError(f"'{file}' cannot be loaded here: {line(str(error))}") from error
        except Exception as error:
            # Whatever else a file makes fail, it is no model.
            raise ModelFileError(f"'{file}' is not a minidl model file ({in_one_line(error)})") from error


def _unsavable(error: ModelFileError) -> ModelFileError:
    return ModelFileError(f"the model cannot be saved, since no one could load it: {error}")


def _contents(trained: TrainedModel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of a file. Raises ModelFileError where no model could be built from it."""
    if not isinstance(trained, TrainedModel):
        raise RequestError(f"save_model takes a trained model, train(...).trained, and not a {type(trained).__name__}")
    spec = str(trained.model)
    header = {
        "format": FORMAT,
        "minidl": metadata.version("minidl-core"),
        "model": spec,
        "loss": str(trained.loss),
        "features": trained.features.to_json(),
        "target_names": trained.target_names,
        "classes": trained.classes,
        "weight_name": trained.weight_name,
        "target": trained.target.to_json() if trained.target else None,
        "seeds": trained.seeds,
        "providers": providers_of(trained.model, trained.loss),
    }
    tensors = {name: parameter.value for name, parameter in trained.model.named_parameters().items()}
    try:
        fresh = build_model(spec)
    except SpecError as error:
        first = error.problems[0]
        raise ModelFileError(f"its spec has a {first.kind}: {line(first.message)}") from error
    _require_parameters(
        {name: Declared(one.dtype, tuple(one.shape)) for name, one in tensors.items()}, fresh, trained.rounds
    )
    return {**tensors, **buffers_to_save(trained.model, fresh)}, header


def _trained(opened: TensorFile) -> TrainedModel:
    """The model of a file. Raises ModelFileError where its parts are not of one model."""
    given = opened.header
    if "format" not in given:
        raise ModelFileError(f"its header must be an object with a format, got {shown(given)}")
    if given["format"] != FORMAT:
        raise ModelFileError(f"it has format {shown(given['format'])}, this minidl reads format '{FORMAT}'")
    header = require_keys("its header", given, KEYS)
    for key in ("minidl", "model", "loss"):
        if not isinstance(header[key], str):
            raise ModelFileError(f"its {key} must be a text, got {shown(header[key])}")
    if not isinstance(header["weight_name"], str | None):
        raise ModelFileError(f"its weight_name must be a text or null, got {shown(header['weight_name'])}")
    seeds = header["seeds"]
    if not isinstance(seeds, list) or not 1 <= len(seeds) <= MAX_ROUNDS or any(type(seed) is not int for seed in seeds):
        raise ModelFileError(f"its seeds must be a list of 1 to {MAX_ROUNDS} whole numbers, got {shown(seeds)}")
    targets = texts_of(header, "target_names", 1)
    classes = None if header["classes"] is None else texts_of(header, "classes", 2)
    rounds = (len(seeds),) if len(seeds) > 1 else ()
    names = names_of(header["providers"])
    model = build_model(header["model"], names=names)
    loss = build_component(Loss.kind, header["loss"], names)
    dtype = _require_parameters(_parameters(opened.declared), model, rounds)
    require_buffers(opened.declared, model, rounds)
    features = Preprocessing.from_json(header["features"], rounds)
    try:
        outputs = model.output_shape((features.width,))
    except ShapeError as error:
        raise ModelFileError(f"its columns are not those of '{model}': {error}") from None
    if outputs not in [(size,) for size in output_sizes(classes, len(targets), loss)]:
        raise ModelFileError(
            f"its classes, {shown(header['classes'])}, and its target_names, {shown(header['target_names'])}, are not "
            f"those of '{model}' with outputs {list(outputs)}"
        )
    if classes is not None and len(targets) > 1:
        raise ModelFileError(f"its target_names must be one where it is a class, got {shown(header['target_names'])}")
    if (classes is None) != (header["target"] is not None):
        raise ModelFileError("its target must have a scale where it is a value, and none where it is a class")
    target = Standardization.from_json(header["target"], len(targets), rounds) if classes is None else None
    model.allocate(rounds, dtype=dtype)
    for name, parameter in model.named_parameters().items():
        opened.read_into(name, parameter.value)
    read_buffers(opened, model)
    return TrainedModel(
        model,
        loss,
        features,
        targets,
        classes,
        target=target,
        weight_name=header["weight_name"],
        seeds=tuple(seeds),
    )


def _parameters(declared: Mapping[str, Declared]) -> dict[str, Declared]:
    """Those tensors of a file that are parameters."""
    return {name: one for name, one in declared.items() if not name.startswith(PREFIX)}


def _require_parameters(declared: Mapping[str, Declared], model: Sequential, rounds: tuple[int, ...]) -> torch.dtype:
    """Their dtype. Raises ModelFileError where these are not the parameters of a model in its rounds."""
    dtypes = {one.dtype for one in declared.values()} or {torch.float32}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        raise ModelFileError(f"its tensors must be all float32 or all float64, got {', '.join(map(str, dtypes))}")
    parameters = model.named_parameters()
    if declared.keys() != parameters.keys():
        raise ModelFileError(
            f"the tensors {shown(sorted(declared))} are not those of '{model}', {shown(sorted(parameters))}"
        )
    for name, parameter in parameters.items():
        shape = (*rounds, *parameter.shape)
        if declared[name].shape != shape:
            raise ModelFileError(
                f"tensor '{name}' has shape {list(declared[name].shape)}, '{model}' needs {list(shape)}"
            )
    return dtypes.pop()
