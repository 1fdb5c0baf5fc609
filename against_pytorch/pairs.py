"""Which component of minidl is which class of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from against_pytorch.inputs import MODULES, OPTIMIZERS, Input
from against_pytorch.layers import LayerPair
from against_pytorch.losses import (
    LossPair,
    elementwise,
    of_classes,
    of_margins,
    of_probabilities,
    of_variances,
    summed_over_features,
)
from against_pytorch.optimizers import OptimizerPair
from against_pytorch.pair import Pair

IGNORED = frozenset({"ignore_index"})
WEIGHED = frozenset({"weight"})


def no_weight_is_1(given: Input) -> Mapping[str, Any]:
    """The pos_weight of `binary_cross_entropy`."""
    return {"pos_weight": 1.0} if given.arguments["pos_weight"] is None else {}


def exact_is_none(given: Input) -> Mapping[str, Any]:
    """The approximation of `gelu`."""
    return {"approximate": None} if given.arguments["approximate"] == "none" else {}


def axes_of_an_example(given: Input) -> Mapping[str, Any]:
    """How many axes are behind that of the batch, which a spec says by itself."""
    return {"axes": max(given.tensors[0].dim() - 1, 1)}


def flattened_axes(given: Input) -> Mapping[str, Any]:
    """How many axes `flatten` makes one of."""
    start, axes = given.arguments["start_dim"], given.tensors[0].dim()
    return {"axes": -start if start < 0 else axes - start}


def sizes_of_an_example(given: Input) -> Mapping[str, Any]:
    """The whole shape of an example, of which PyTorch is told what one axis becomes."""
    before = list(given.tensors[0].shape)
    dim = given.arguments["dim"] % len(before)
    return {
        "sizes": [*before[1:dim], *given.arguments["unflattened_size"], *before[dim + 1 :]],
        "axes": len(before) - 1,
    }


def axis_from_the_last(given: Input) -> Mapping[str, Any]:
    """The axis of `softmax`, which ours count from the last one of an input."""
    dim, axes = given.arguments["dim"], max(given.tensors[0].dim(), 1)
    return {"dim": dim if dim < 0 else dim - axes}


PAIRS: tuple[Pair, ...] = (
    LayerPair("linear", nn.Linear, axes=1, layouts={"weight": Tensor.t}),
    LayerPair("relu", nn.ReLU),
    LayerPair("sigmoid", nn.Sigmoid),
    LayerPair("tanh", nn.Tanh),
    LayerPair("leaky_relu", nn.LeakyReLU),
    LayerPair("elu", nn.ELU),
    LayerPair("gelu", nn.GELU, changed=exact_is_none),
    LayerPair("silu", nn.SiLU),
    LayerPair("softplus", nn.Softplus),
    LayerPair("hardtanh", nn.Hardtanh),
    LayerPair("hardtanh", nn.ReLU6, changed=lambda _: {"min_val": 0.0, "max_val": 6.0}),
    LayerPair("prelu", nn.PReLU, axes=1, changed=axes_of_an_example),
    LayerPair("softmax", nn.Softmax, axes=1, changed=axis_from_the_last),
    LayerPair("softmax", nn.Softmax2d, axes=3, changed=lambda _: {"dim": -3}),
    LayerPair("log_softmax", nn.LogSoftmax, axes=1, changed=axis_from_the_last),
    LayerPair("batch_norm", nn.BatchNorm1d, changed=axes_of_an_example),
    LayerPair("batch_norm", nn.BatchNorm2d, changed=axes_of_an_example),
    LayerPair("batch_norm", nn.BatchNorm3d, changed=axes_of_an_example),
    LayerPair("layer_norm", nn.LayerNorm, changed=axes_of_an_example),
    LayerPair("rms_norm", nn.RMSNorm, changed=axes_of_an_example),
    LayerPair("embedding", nn.Embedding, changed=axes_of_an_example),
    LayerPair("conv1d", nn.Conv1d, axes=2),
    LayerPair("conv1d", nn.LazyConv1d, axes=2),
    LayerPair("conv2d", nn.Conv2d, axes=3),
    LayerPair("conv2d", nn.LazyConv2d, axes=3),
    LayerPair("conv_transpose2d", nn.ConvTranspose2d, axes=3),
    LayerPair("conv_transpose2d", nn.LazyConvTranspose2d, axes=3),
    LayerPair("max_pool2d", nn.MaxPool2d, axes=3),
    LayerPair("avg_pool2d", nn.AvgPool2d, axes=3),
    LayerPair(
        "global_avg_pool",
        nn.AdaptiveAvgPool2d,
        axes=3,
        output=lambda y: y.flatten(-3),
        elsewhere=frozenset({"output_size"}),
    ),
    LayerPair("flatten", nn.Flatten, axes=3, changed=flattened_axes, elsewhere=frozenset({"start_dim"})),
    LayerPair("reshape", nn.Unflatten, changed=sizes_of_an_example, elsewhere=frozenset({"dim", "unflattened_size"})),
    LossPair("mae", nn.L1Loss, elementwise),
    LossPair("mse", nn.MSELoss, elementwise),
    LossPair("huber", nn.HuberLoss, elementwise),
    LossPair("binary_cross_entropy", nn.BCEWithLogitsLoss, elementwise, elsewhere=WEIGHED, changed=no_weight_is_1),
    LossPair("binary_cross_entropy", nn.BCELoss, of_probabilities, elsewhere=WEIGHED),
    LossPair("cross_entropy", nn.CrossEntropyLoss, of_classes, elsewhere=IGNORED),
    LossPair("nll", nn.NLLLoss, of_classes, elsewhere=IGNORED),
    LossPair("kl_divergence", nn.KLDivLoss, summed_over_features),
    LossPair("smooth_l1", nn.SmoothL1Loss, elementwise),
    LossPair("poisson_nll", nn.PoissonNLLLoss, elementwise),
    LossPair("gaussian_nll", nn.GaussianNLLLoss, of_variances, outputs=(0, 2)),
    LossPair("hinge", nn.MultiMarginLoss, of_margins, fixed={"p": 1}, elsewhere=WEIGHED),
    LossPair("squared_hinge", nn.MultiMarginLoss, of_margins, fixed={"p": 2}, elsewhere=WEIGHED),
    OptimizerPair("sgd", torch.optim.SGD, fixed={"momentum": 0, "weight_decay": 0, "maximize": False}),
    OptimizerPair("momentum", torch.optim.SGD),
    OptimizerPair("rmsprop", torch.optim.RMSprop),
    OptimizerPair("adagrad", torch.optim.Adagrad),
    OptimizerPair("adam", torch.optim.Adam),
    OptimizerPair("adamw", torch.optim.AdamW),
    OptimizerPair("adadelta", torch.optim.Adadelta),
    OptimizerPair("adamax", torch.optim.Adamax),
    OptimizerPair("nadam", torch.optim.NAdam),
    OptimizerPair("radam", torch.optim.RAdam),
    OptimizerPair("rprop", torch.optim.Rprop),
)


NONE = "PyTorch has no such class"
AVERAGE = "an average around another optimizer, and PyTorch has no inputs for its own"
WITHOUT_COUNTERPART = {
    ("layer", "sequential"): "a chain of layers, and PyTorch has no inputs for its own",
    ("layer", "residual"): NONE,
    ("layer", "concat"): NONE,
    ("layer", "sum"): NONE,
    ("layer", "dropout"): "random, and PyTorch has no inputs of these kinds for its own",
    ("loss", "log_cosh"): NONE,
    ("loss", "focal"): NONE,
    ("loss", "quantile"): NONE,
    ("optimizer", "ema"): AVERAGE,
    ("optimizer", "swa"): AVERAGE,
    ("optimizer", "lamb"): NONE,
    ("optimizer", "lars"): NONE,
    ("optimizer", "lion"): NONE,
}
"""Ours that PyTorch has no class for, or tests with nothing, and why."""


def theirs_without_counterpart() -> tuple[list[str], list[str]]:
    """The modules and the optimizers that PyTorch tests, and minidl has no counterpart of."""
    known = {pair.theirs.__name__ for pair in PAIRS}
    return sorted(MODULES.keys() - known), sorted(OPTIMIZERS.keys() - known)
