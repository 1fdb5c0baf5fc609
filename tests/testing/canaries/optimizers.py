"""Optimizers that are wrong on purpose."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import FlatParameters
from minidl_core.optim import SGD, Optimizer
from minidl_core.spec import Conformance

FIRST_STEP = "the first step is its closed form"
ZERO = "gradients of zero leave the weights alone"
DOWN = "a convex quadratic goes down"
RESTORED = "saved and restored it goes on bit for bit"
COUNTED = "steps are counted"
SHARED = "two optimizers share nothing"
GRADIENTS = "gradients are left as they were"
ROUNDS = "rounds at once equal each round alone"
OWN_RATE = "each round may have its own learning rate"
ANOTHER_SIZE = "parameters of another size are refused"
EVERY = "every weight is stepped"
DECAY = "weight decay makes weights smaller"
ARGUMENTS = "its arguments change what it does"
DTYPE = "dtype is kept"
DEVICE = "device is kept"


class WrongFirstStep(SGD):
    """A step a hundred-thousandth too long."""

    rejected_by = FIRST_STEP

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        parameters.values -= 1.00001 * self.lr * parameters.grads


class MovesOnNothing(SGD):
    """Decays the weights without being asked to."""

    rejected_by = ZERO

    def step(self, parameters: FlatParameters) -> None:
        parameters.values *= 0.999999
        super().step(parameters)


class Climbs(SGD):
    """Adds the gradient."""

    rejected_by = DOWN
    conformance = Conformance()

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        parameters.values += self.lr * parameters.grads


class StuckAfterAWhile(SGD):
    """Halves its step each time, and never arrives."""

    rejected_by = DOWN
    conformance = Conformance()

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        parameters.values -= self.lr * parameters.grads * 0.5 ** (self.steps - 1)


class _Velocity(SGD):
    """Gradient descent with a velocity, rightly done."""

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        velocity = self.remembered("velocity", parameters)
        velocity.mul_(0.9).add_(parameters.grads)
        parameters.values -= self.lr * velocity


class HiddenState(Optimizer):
    """Remembers its velocity outside of `state`."""

    rejected_by = RESTORED
    velocity: Tensor | None = None

    def __init__(self, lr: float = 0.1) -> None:
        SGD.__init__(self, lr)  # type: ignore[arg-type]

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        before = torch.zeros_like(parameters.values) if self.velocity is None else self.velocity
        self.velocity = 0.9 * before + parameters.grads
        parameters.values -= self.lr * self.velocity


class StateOfAnotherShape(_Velocity):
    """Remembers one number for all weights."""

    rejected_by = RESTORED

    def step(self, parameters: FlatParameters) -> None:
        super().step(parameters)
        self.state["mean"] = self.state["velocity"].mean(-1)


class StepsNotUsedAfterRestoring(_Velocity):
    """Counts its steps a second time, for itself."""

    rejected_by = RESTORED
    own = 0

    def step(self, parameters: FlatParameters) -> None:
        self.own += 1
        self.steps += 1
        parameters.values -= self.lr / self.own * parameters.grads


class DoesNotCount(SGD):
    """Leaves `steps` at 0."""

    rejected_by = COUNTED

    def step(self, parameters: FlatParameters) -> None:
        parameters.values -= self.lr * parameters.grads


class StateOfTheClass(SGD):
    """Keeps its velocity where every instance finds it."""

    rejected_by = SHARED
    velocity: dict[int, Tensor] = {}  # noqa: RUF012

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        number = parameters.values.numel()
        before = self.velocity.get(number, torch.zeros_like(parameters.values))
        self.velocity[number] = (0.9 * before).view(parameters.values.shape) + parameters.grads
        parameters.values -= self.lr * self.velocity[number]


class ClipsGradients(SGD):
    """Clips the gradients where they are."""

    rejected_by = GRADIENTS

    def step(self, parameters: FlatParameters) -> None:
        parameters.grads.clamp_(-0.5, 0.5)
        super().step(parameters)


class ValuesElsewhere(SGD):
    """Puts the new weights into other memory, where no layer sees them."""

    rejected_by = GRADIENTS

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        parameters._values = parameters.values - self.lr * parameters.grads


class RoundsMixed(SGD):
    """Divides by the norm over all rounds."""

    rejected_by = ROUNDS

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        parameters.values -= self.lr * parameters.grads / (parameters.grads.norm() + 1e-8)


class OneRateForAll(SGD):
    """Takes the mean of its learning rates."""

    rejected_by = OWN_RATE

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        parameters.values -= float(torch.as_tensor(self.lr, dtype=torch.float64).mean()) * parameters.grads


class RateFrozen(SGD):
    """Reads its learning rate once."""

    rejected_by = OWN_RATE

    def step(self, parameters: FlatParameters) -> None:
        self.first = getattr(self, "first", self.lr)
        self.steps += 1
        parameters.values -= self.first * parameters.grads


class TakesAnySize(SGD):
    """Begins anew, silently, where the size is another."""

    rejected_by = ANOTHER_SIZE

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        velocity = self.state.get("velocity")
        if velocity is None or velocity.shape != parameters.values.shape:
            velocity = torch.zeros_like(parameters.values)
        self.state["velocity"] = 0.9 * velocity + parameters.grads
        parameters.values -= self.lr * self.state["velocity"]


class DecaysBeforeItRefuses(_Velocity):
    """Changes the weights before it finds that they are not the ones it knows."""

    rejected_by = ANOTHER_SIZE

    def step(self, parameters: FlatParameters) -> None:
        parameters.values *= 1 - 1e-9 * (1 if parameters.grads.any() else 0)
        super().step(parameters)


class StateInFloat32(SGD):
    """Remembers in float32, whatever the weights are."""

    rejected_by = DTYPE

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        velocity = self.state.setdefault("velocity", torch.zeros_like(parameters.values, dtype=torch.float32))
        velocity.mul_(0.9).add_(parameters.grads)
        parameters.values -= self.lr * velocity


class StateOnTheCPU(SGD):
    """Remembers without saying where."""

    rejected_by = DEVICE

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        start = torch.zeros(parameters.values.shape, dtype=parameters.values.dtype)
        velocity = self.state.setdefault("velocity", start)
        velocity.mul_(0.9).add_(parameters.grads)
        parameters.values -= self.lr * velocity


class FirstLayerOnly(SGD):
    """Steps the parameter that is first."""

    rejected_by = EVERY

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        first = next(iter(parameters.named.values()))
        first.value.sub_(first.grad * self.lr)


class DecayGrows(SGD):
    """Adds to the weights what it should take from them."""

    rejected_by = DECAY

    def __init__(self, lr: float = 0.1, weight_decay: float = 0.0) -> None:
        super().__init__(lr)
        require("weight_decay", weight_decay, weight_decay >= 0, "0 or greater")
        self.weight_decay = weight_decay

    def step(self, parameters: FlatParameters) -> None:
        parameters.values += self.lr * self.weight_decay * parameters.values
        super().step(parameters)


class IgnoresMomentum(SGD):
    """Takes a momentum, and has none."""

    rejected_by = ARGUMENTS

    def __init__(self, lr: float = 0.1, momentum: float = 0.9) -> None:
        super().__init__(lr)
        require("momentum", momentum, 0 <= momentum < 1, "0 or greater and less than 1")


class StateIsTheGradient(SGD):
    """Keeps the very gradient, which the next step overwrites."""

    rejected_by = RESTORED

    def step(self, parameters: FlatParameters) -> None:
        super().step(parameters)
        self.state["last"] = parameters.grads
