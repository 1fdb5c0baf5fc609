"""A trained model as one file: safetensors, with the spec and all else as JSON in its header. It holds no code."""

from __future__ import annotations

import json
import os
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from minidl_core.data.standardization import Standardization
from minidl_core.errors import MinidlError, ModelFileError
from minidl_core.losses import Loss
from minidl_core.plugins import registry
from minidl_core.spec import build_component, build_model
from minidl_core.spec.component import Component
from minidl_core.training.trained_model import TrainedModel

FORMAT = "1"
FILE_NAME = "model.safetensors"


def save_model(trained: TrainedModel, path: str | Path) -> None:
    """Write a model file. It is written beside its place and moved there when whole, so it is never half there.

    Tensors are the model's parameters by name, `[*rounds, *shape]`. Raises ModelFileError where a layer is not
    registered, since no one could load it, or where the file cannot be written.
    """
    header = {
        "format": FORMAT,
        "minidl": metadata.version("minidl-core"),
        "model": str(trained.model),
        "loss": str(trained.loss),
        "feature_names": trained.feature_names,
        "target_name": trained.target_name,
        "classes": trained.classes,
        "features": trained.features.to_lists(),
        "target": trained.target.to_lists() if trained.target else None,
        "seeds": trained.seeds,
        "providers": _providers(trained),
    }
    tensors = {name: p.value.contiguous() for name, p in trained.model.named_parameters().items()}
    _write_whole(Path(path), save(tensors, {"minidl": json.dumps(header)}))


def load_model(path: str | Path) -> TrainedModel:
    """Read a model file, or that of a run's folder. Raises ModelFileError for anything that is not one."""
    file = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
    try:
        with safe_open(file, framework="pt") as opened:
            header = json.loads((opened.metadata() or {})["minidl"])
            if header["format"] != FORMAT:
                raise ModelFileError(f"'{file}' has format {header['format']}, this minidl reads format {FORMAT}")
            tensor_names = opened.keys()
            return _trained(header, {name: opened.get_tensor(name) for name in tensor_names})
    except FileNotFoundError:
        raise ModelFileError(f"there is no model file '{file}'") from None
    except OSError as error:
        raise ModelFileError(f"cannot read '{file}': {error.strerror or error}") from None
    except ModelFileError:
        raise
    except MinidlError as error:
        raise ModelFileError(f"'{file}' cannot be loaded here: {error}") from error
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelFileError(f"'{file}' is not a minidl model file ({type(error).__name__}: {error})") from error


def _trained(header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> TrainedModel:
    seeds = tuple(header["seeds"])
    dtype = next((tensor.dtype for tensor in tensors.values()), torch.float32)
    model = build_model(header["model"]).initialize(seeds, dtype=dtype)
    parameters = model.named_parameters()
    if tensors.keys() != parameters.keys():
        raise ModelFileError(f"the tensors {sorted(tensors)} are not those of '{model}', {sorted(parameters)}")
    for name, parameter in parameters.items():
        if tensors[name].shape != parameter.value.shape:
            raise ModelFileError(
                f"tensor '{name}' has shape {list(tensors[name].shape)}, '{model}' needs {list(parameter.value.shape)}"
            )
        parameter.value.copy_(tensors[name])
    return TrainedModel(
        model,
        build_component(Loss.kind, header["loss"]),
        tuple(header["feature_names"]),
        header["target_name"],
        tuple(header["classes"]) if header["classes"] else None,
        features=Standardization.from_lists(header["features"]),
        target=Standardization.from_lists(header["target"]) if header["target"] else None,
        seeds=seeds,
    )


def _providers(trained: TrainedModel) -> dict[str, str]:
    """Which distribution and version each component comes from, by its kind and name."""
    components: list[Component] = [trained.loss, *(layer for _, layer in trained.model.children())]
    providers = {}
    for component in components:
        registration = registry().of(type(component))
        if registration is None:
            raise ModelFileError(
                f"{type(component).__name__} is not registered by any plugin, so a file that names it could never be "
                "loaded; register it through an entry point of the group 'minidl'"
            )
        provider = registration.provider
        providers[f"{registration.kind} {registration.name}"] = f"{provider.distribution} {provider.version}"
    return providers


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file so that there is the old one or the new one, never a part."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise ModelFileError(f"cannot write '{path}': {error.strerror or error}") from None
