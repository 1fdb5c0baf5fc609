"""What this plugin brings: names and where their classes are, nothing imported before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidl_core import hookimpl

if TYPE_CHECKING:
    from minidl_core.registry import Registrar


@hookimpl
def minidl_register_components(registry: Registrar) -> None:
    package = "minidl_extra_layers"
    registry.layer("leaky_relu", f"{package}.leaky_relu:LeakyReLU", summary="max(x, 0), and a small slope below 0")
    registry.layer("elu", f"{package}.elu:ELU", summary="x above 0, and an exponential below")
    registry.layer("gelu", f"{package}.gelu:GELU", summary="x times the normal distribution function")
    registry.layer("silu", f"{package}.silu:SiLU", summary="x times its sigmoid")
    registry.layer("softplus", f"{package}.softplus:Softplus", summary="a smooth max(x, 0)")
    registry.layer("hardtanh", f"{package}.hardtanh:Hardtanh", summary="x, cut off at two bounds")
    registry.layer("prelu", f"{package}.prelu:PReLU", summary="leaky_relu with slopes that are learned")
    registry.layer("softmax", f"{package}.softmax:Softmax", summary="numbers above 0 that sum to 1")
    registry.layer("log_softmax", f"{package}.softmax:LogSoftmax", summary="the logarithm of softmax")

    registry.layer("dropout", f"{package}.dropout:Dropout", summary="sets numbers to 0 by chance, in training")
    registry.layer(
        "batch_norm", f"{package}.batch_norm:BatchNorm", summary="each channel at mean 0 and deviation 1 over the batch"
    )
    registry.layer("layer_norm", f"{package}.layer_norm:LayerNorm", summary="each row at mean 0 and deviation 1")
    registry.layer("rms_norm", f"{package}.rms_norm:RMSNorm", summary="each row at a mean square of 1")

    registry.layer("conv1d", f"{package}.convolution:Conv1d", summary="convolution of sequences, [C, L]")
    registry.layer("conv2d", f"{package}.convolution:Conv2d", summary="convolution of maps, [C, H, W]")
    registry.layer(
        "conv_transpose2d",
        f"{package}.conv_transpose2d:ConvTranspose2d",
        summary="transposed convolution of maps, which makes them larger",
    )
    registry.layer("max_pool2d", f"{package}.max_pool2d:MaxPool2d", summary="the greatest number of each window")
    registry.layer("avg_pool2d", f"{package}.avg_pool2d:AvgPool2d", summary="the mean of each window")
    registry.layer("global_avg_pool", f"{package}.global_avg_pool:GlobalAvgPool", summary="the mean of each channel")

    registry.layer("flatten", f"{package}.flatten:Flatten", summary="all numbers of an example in a row")
    registry.layer("reshape", f"{package}.reshape:Reshape", summary="the numbers of an example in another shape")
    registry.layer(
        "embedding", f"{package}.embedding:Embedding", summary="a row of a learned table for each whole number"
    )

    registry.layer("residual", f"{package}.residual:Residual", summary="x + f(x)")
    registry.layer("concat", f"{package}.concat:Concat", summary="the outputs of several chains side by side")
    registry.layer("sum", f"{package}.sum:Sum", summary="the sum of the outputs of several chains")
