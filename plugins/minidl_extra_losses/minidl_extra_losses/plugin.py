"""What this plugin brings: names and where their classes are, nothing imported before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidl_core import hookimpl

if TYPE_CHECKING:
    from minidl_core.registry import Registrar


@hookimpl
def minidl_register_components(registry: Registrar) -> None:
    package = "minidl_extra_losses"
    registry.loss(
        "cross_entropy", f"{package}.cross_entropy:CrossEntropy", summary="softmax cross entropy of logits, for classes"
    )
    registry.loss(
        "binary_cross_entropy",
        f"{package}.binary_cross_entropy:BinaryCrossEntropy",
        summary="sigmoid cross entropy of logits, each output a yes or no",
    )
    registry.loss("huber", f"{package}.huber:Huber", summary="quadratic near zero, linear beyond delta")
    registry.loss(
        "log_cosh", f"{package}.log_cosh:LogCosh", summary="log cosh of the error, smooth between mse and mae"
    )
    registry.loss("hinge", f"{package}.hinge:Hinge", summary="multi-class hinge of Weston and Watkins")
    registry.loss(
        "squared_hinge",
        f"{package}.squared_hinge:SquaredHinge",
        summary="multi-class hinge of Weston and Watkins, squared",
    )
    registry.loss("nll", f"{package}.nll:NLL", summary="cross entropy of log-probabilities, for classes")
    registry.loss(
        "kl_divergence",
        f"{package}.kl_divergence:KLDivergence",
        summary="Kullback-Leibler divergence of log-probabilities from target probabilities",
    )
    registry.loss(
        "focal", f"{package}.focal:Focal", summary="cross entropy of logits in which rows that are right count less"
    )
    registry.loss("smooth_l1", f"{package}.smooth_l1:SmoothL1", summary="quadratic near zero, of slope 1 beyond beta")
    registry.loss("quantile", f"{package}.quantile:Quantile", summary="several quantiles of each target value")
    registry.loss("poisson_nll", f"{package}.poisson_nll:PoissonNLL", summary="Poisson likelihood of counts")
    registry.loss(
        "gaussian_nll",
        f"{package}.gaussian_nll:GaussianNLL",
        summary="Gaussian likelihood, of a mean and a variance for each target value",
    )
