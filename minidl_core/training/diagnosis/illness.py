"""What can ail a training: in words, with what to do about it, shown under the spec of what is to be changed."""

from __future__ import annotations

from dataclasses import dataclass

from minidl_core.errors import SpecError
from minidl_core.nn import Module
from minidl_core.nn.spans import spans_of_layers
from minidl_core.optim import Optimizer
from minidl_core.plugins import registry
from minidl_core.spec.component import spec_name
from minidl_core.spec.parser import parse
from minidl_core.spec.problems import Problem, rendered
from minidl_core.spec.syntax import Call, Span

NEVER_ZERO = ("leaky_relu", "elu", "gelu", "tanh")
"""What may stand in place of a relu, the nearest first."""
SHORTCUTS = ("batch_norm", "layer_norm", "residual")
"""What helps gradients through a deep model."""


@dataclass(frozen=True)
class Illness:
    """What is said of it. `{layer}` stands for the layer, `{number}` for how bad it is."""

    message: str
    advice: str
    alternatives: tuple[str, ...] = ()
    """Layers, the first of which that is installed stands in the advice as `{alternative}`."""
    passes: bool = True
    """Whether a training may get well by itself, as many do in their first epochs."""
    least_epochs: int = 1
    """How many must have been done before it is one."""


DEAD = Illness(
    "{layer} is dead: it gives 0 for all rows of a sample, and no gradient passes",
    "try a smaller learning rate, or {alternative} in its place",
    NEVER_ZERO,
    passes=False,
)
SATURATED = Illness(
    "{layer} is saturated: hardly any gradient passes {number} of its outputs",
    "try smaller first weights (init=xavier_uniform) before it, or a smaller learning rate",
)
VANISHING = Illness(
    "the gradient vanishes on its way to {layer}: it is {number} of that at the last one with weights",
    "try relu for sigmoid and tanh, greater first weights, or {alternative}",
    (*SHORTCUTS, "fewer layers"),
)
EXPLODING = Illness(
    "the gradient explodes on its way to {layer}: it is {number} times that at the last one with weights",
    "try smaller first weights (init=xavier_uniform), or {alternative}",
    (*SHORTCUTS, "fewer layers"),
)
STUCK = Illness(
    "the loss has not moved from what it was with the first weights, {number}",
    "try a greater learning rate, or other features, if these say nothing of the target",
    least_epochs=8,
)
RISEN = Illness("the loss is {number} times that of the first weights", "try a smaller learning rate, or a clip_norm")
OVERFLOWING = Illness(
    "the numbers overflow in {layer}: its output or gradient is {number}",
    "try a smaller learning rate, or smaller first weights (init=xavier_uniform)",
)
THROWN = Illness(
    "one more step would change the weights of {layer} by {number} times their size",
    "try a smaller learning rate, or a clip_norm",
)
ILLNESSES = {
    "dead": DEAD,
    "saturated": SATURATED,
    "vanishing": VANISHING,
    "exploding": EXPLODING,
    "stuck": STUCK,
    "risen": RISEN,
    "overflowing": OVERFLOWING,
    "thrown": THROWN,
}
"""All of them, by name."""


def told_of_layer(illness: Illness, number: str, model: Module, place: str, when: str, rounds: str) -> str:
    """The message, under the layer's call in the model's spec, where it can be read."""
    layer = model.layers_within()[place]
    name, span = spec_name(type(layer)), spans_of_layers(model).get(place)
    layer_in_words = f"this {name}" if span else f"{name} (layer {place})"
    return _told(illness, number, layer_in_words, str(model), span, when, rounds)


def told_of_loss(illness: Illness, number: str, optimizer: Optimizer, when: str, rounds: str) -> str:
    """The message, under the optimizer's learning rate."""
    text = str(optimizer)
    return _told(illness, number, "", text, _span_of_rate(text), when, rounds)


def _told(illness: Illness, number: str, layer: str, text: str, span: Span | None, when: str, rounds: str) -> str:
    message = illness.message.format(layer=layer, number=number) + rounds
    known = [name for name in illness.alternatives if " " in name or name in registry().names("layer")]
    advice = illness.advice.format(alternative=known[0] if known else "")
    return f"{when}: {message}; {advice}" if span is None else rendered(text, Problem(when, message, span, advice))


def _span_of_rate(optimizer: str) -> Span | None:
    """Where the learning rate stands in the spec of an optimizer; all of it where it is the default."""
    try:
        chain = parse(optimizer)
    except SpecError:
        return None
    call = chain.items[0].unit
    arguments = call.arguments if isinstance(call, Call) else ()
    return next((one.span for one in arguments if one.name == "lr"), chain.span)
