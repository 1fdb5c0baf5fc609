"""A trained model as one file: safetensors, with the spec and all else as JSON in its header. It holds no code."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from minidl_core.data.header import require_keys, shown, texts_of
from minidl_core.data.preprocessing import Preprocessing
from minidl_core.data.standardization import Standardization
from minidl_core.errors import MinidlError, ModelFileError, RequestError, ShapeError
from minidl_core.losses import Loss
from minidl_core.nn import Sequential
from minidl_core.persistence.whole_file import write_whole
from minidl_core.seeding import MAX_ROUNDS
from minidl_core.spec import build_component, build_model
from minidl_core.spec.calls import Names
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
    """Write a model file. It is written beside its place and moved there when whole, so it is never half there.

    Tensors are the model's parameters by name, `[*rounds, *shape]`. Raises ModelFileError where a layer is not
    registered, since no one could load it, and StorageError where the file cannot be written.
    """
    if not isinstance(trained, TrainedModel):
        raise RequestError(f"save_model takes a trained model, train(...).trained, and not a {type(trained).__name__}")
    header = {
        "format": FORMAT,
        "minidl": metadata.version("minidl-core"),
        "model": str(trained.model),
        "loss": str(trained.loss),
        "features": trained.features.to_json(),
        "target_names": trained.target_names,
        "classes": trained.classes,
        "weight_name": trained.weight_name,
        "target": trained.target.to_json() if trained.target else None,
        "seeds": trained.seeds,
        "providers": providers_of(trained.model, trained.loss),
    }
    tensors = {name: p.value.contiguous() for name, p in trained.model.named_parameters().items()}
    write_whole(path, save(tensors, {"minidl": json.dumps(header)}))


def load_model(path: str | Path) -> TrainedModel:
    """Read a model file, or that of a run's folder. Raises ModelFileError for anything that is not one."""
    file = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
    try:
        with safe_open(file, framework="pt") as opened:
            header = json.loads((opened.metadata() or {})["minidl"])
            tensor_names = opened.keys()
            tensors = {name: opened.get_tensor(name) for name in tensor_names}
        return _trained(header, tensors)
    except FileNotFoundError:
        raise ModelFileError(f"there is no model file '{file}'") from None
    except OSError as error:
        raise ModelFileError(f"cannot read '{file}': {error.strerror or error}") from None
    except MinidlError as error:
        raise ModelFileError(f"'{file}' cannot be loaded here: {error}") from error
    except Exception as error:
        # Whatever else a file makes fail (lists in lists in lists, a number of a thousand digits), it is no model.
        raise ModelFileError(f"'{file}' is not a minidl model file ({type(error).__name__}: {error})") from error


def _trained(given: Any, tensors: dict[str, torch.Tensor]) -> TrainedModel:
    """The model of a file. Raises ModelFileError where its parts are not of one model."""
    if not isinstance(given, dict) or "format" not in given:
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
    names = names_of(header["providers"])
    model = _model(header["model"], seeds, tensors, names)
    rounds = model.parameters.rounds
    features = Preprocessing.from_json(header["features"], rounds)
    try:
        outputs = model.output_shape((features.width,))
    except ShapeError as error:
        raise ModelFileError(f"its columns are not those of '{model}': {error}") from None
    if outputs not in [(size,) for size in output_sizes(classes, len(targets))]:
        raise ModelFileError(
            f"its classes, {shown(header['classes'])}, and its target_names, {shown(header['target_names'])}, are not "
            f"those of '{model}' with outputs {list(outputs)}"
        )
    if classes is not None and len(targets) > 1:
        raise ModelFileError(f"its target_names must be one where it is a class, got {shown(header['target_names'])}")
    if (classes is None) != (header["target"] is not None):
        raise ModelFileError("its target must have a scale where it is a value, and none where it is a class")
    return TrainedModel(
        model,
        build_component(Loss.kind, header["loss"], names),
        features,
        targets,
        classes,
        target=Standardization.from_json(header["target"], len(targets), rounds) if classes is None else None,
        weight_name=header["weight_name"],
        seeds=tuple(seeds),
    )


def _model(spec: str, seeds: list[int], tensors: dict[str, torch.Tensor], names: Names) -> Sequential:
    """The model of a spec with the tensors as its parameters."""
    dtypes = {tensor.dtype for tensor in tensors.values()} or {torch.float32}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        raise ModelFileError(f"its tensors must be all float32 or all float64, got {', '.join(map(str, dtypes))}")
    model = build_model(spec, names=names).initialize(seeds, dtype=dtypes.pop())
    parameters = model.named_parameters()
    if tensors.keys() != parameters.keys():
        raise ModelFileError(f"the tensors {sorted(tensors)} are not those of '{model}', {sorted(parameters)}")
    for name, parameter in parameters.items():
        if tensors[name].shape != parameter.value.shape:
            raise ModelFileError(
                f"tensor '{name}' has shape {list(tensors[name].shape)}, '{model}' needs {list(parameter.value.shape)}"
            )
        parameter.value.copy_(tensors[name])
    return model
