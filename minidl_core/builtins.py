"""The table of built-in components: the core's own plugin."""

from __future__ import annotations

from minidl_core.hookspecs import hookimpl
from minidl_core.registry import Registrar


@hookimpl
def minidl_register_components(registry: Registrar) -> None:
    registry.layer("linear", "minidl_core.nn.linear:Linear", summary="fully connected layer, y = x W + b")
    registry.layer("relu", "minidl_core.nn.activations:ReLU", summary="max(x, 0)")
    registry.layer("tanh", "minidl_core.nn.activations:Tanh", summary="hyperbolic tangent")
    registry.layer("sigmoid", "minidl_core.nn.activations:Sigmoid", summary="1 / (1 + exp(-x))")
    registry.layer("sequential", "minidl_core.nn.sequential:Sequential", summary="one layer after the other: a-b-c")

    registry.loss("mse", "minidl_core.losses.mse:MSE", summary="mean squared error")
    registry.loss("mae", "minidl_core.losses.mae:MAE", summary="mean absolute error")

    registry.optimizer("sgd", "minidl_core.optim.sgd:SGD", summary="stochastic gradient descent, w -= lr g")

    initializers = "minidl_core.nn.initializers"
    registry.initializer("kaiming_uniform", f"{initializers}:KaimingUniform", summary="uniform, scaled by fan-in")
    registry.initializer("xavier_uniform", f"{initializers}:XavierUniform", summary="uniform, by fan-in and fan-out")
    registry.initializer("xavier_normal", f"{initializers}:XavierNormal", summary="normal, by fan-in and fan-out")
    registry.initializer("normal", f"{initializers}:Normal", summary="normal of a given mean and deviation")
    registry.initializer("zeros", f"{initializers}:Zeros", summary="all zero")

    datasets = "minidl_core.data.toy"
    registry.dataset("disk", f"{datasets}:Disk", summary="points inside and outside a disk: the report's data")
    registry.dataset("moons", f"{datasets}:Moons", summary="two interleaved half circles")
    registry.dataset("spirals", f"{datasets}:Spirals", summary="interleaved spiral arms, one a class")
    registry.dataset("xor", f"{datasets}:Xor", summary="the sign of a product: opposite quadrants alike")
    registry.dataset("circles", f"{datasets}:Circles", summary="a circle within a circle")

    metrics = "minidl_core.metrics"
    registry.metric("accuracy", f"{metrics}.means:Accuracy", summary="the share of rows classified rightly")
    registry.metric(
        "balanced_accuracy", f"{metrics}.confusion:BalancedAccuracy", summary="the mean recall of the classes"
    )
    registry.metric("f1", f"{metrics}.confusion:F1", summary="the harmonic mean of precision and recall")
    registry.metric(
        "confusion_matrix", f"{metrics}.confusion:ConfusionMatrix", summary="rows by true and predicted class"
    )
    registry.metric(
        "roc_auc", f"{metrics}.roc_auc:RocAuc", summary="the area under the ROC curve, one against the rest"
    )
    registry.metric("log_loss", f"{metrics}.means:LogLoss", summary="the cross entropy of predicted probabilities")
    registry.metric("mse", f"{metrics}.means:MeanSquaredError", summary="mean squared error, in the target's units")
    registry.metric("mae", f"{metrics}.means:MeanAbsoluteError", summary="mean absolute error, in the target's units")
    registry.metric("r2", f"{metrics}.r2:R2", summary="the share of the target's variance explained")

    schedules = "minidl_core.schedules"
    registry.schedule("constant", f"{schedules}:Constant", summary="the optimizer's own learning rate throughout")
    registry.schedule("step", f"{schedules}:Step", summary="times gamma every so many epochs")
    registry.schedule("exponential", f"{schedules}:Exponential", summary="times gamma after each epoch")
    registry.schedule("cosine", f"{schedules}:Cosine", summary="half a cosine down to the end")
    registry.schedule("warmup_cosine", f"{schedules}:WarmupCosine", summary="a linear rise, then half a cosine down")
    registry.schedule("one_cycle", f"{schedules}:OneCycle", summary="up to the rate and far below it, by half cosines")
    registry.schedule(
        "reduce_on_plateau", f"{schedules}:ReduceOnPlateau", summary="times factor where the loss has stopped falling"
    )
