"""JAX: `jit`, the steps of an epoch in `lax.scan`, `vmap` over rounds, parameters donated."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.peer import Peer
from benchmarks.problem import Problem
from benchmarks.workloads import Workload

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
State = Any
"""Parameters, and what Adam remembers: a tree of arrays."""


def loss_of(workload: Workload, parameters: State, x: jax.Array, target: jax.Array) -> jax.Array:
    """The mean loss of a batch."""
    for index, (weight, bias) in enumerate(parameters):
        x = x @ weight + bias
        if index < len(workload.activations):
            x = ACTIVATIONS[workload.activations[index]](x)
    if workload.loss == "mse":
        return jnp.mean((x - target) ** 2)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), target[:, None], 1))


def step(workload: Workload, state: State, batch: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
    """One update, and the loss before it."""
    parameters, memory = state
    loss, gradients = jax.value_and_grad(partial(loss_of, workload))(parameters, *batch)
    if workload.optimizer == "sgd":
        return (jax.tree.map(lambda w, g: w - workload.lr * g, parameters, gradients), memory), loss
    means, squares, count = memory
    count = count + 1
    means = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, means, gradients)
    squares = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, squares, gradients)
    correction1, correction2 = 1 - BETA1**count, 1 - BETA2**count
    parameters = jax.tree.map(
        lambda w, m, v: w - workload.lr * (m / correction1) / (jnp.sqrt(v / correction2) + EPS),
        parameters,
        means,
        squares,
    )
    return (parameters, (means, squares, count)), loss


def epoch(
    workload: Workload, state: State, features: jax.Array, target: jax.Array, order: jax.Array
) -> tuple[State, jax.Array]:
    """All steps of an epoch of one round, and their losses; a last batch of fewer rows is a step after the scan."""
    features, target, size = features[order], target[order], workload.batch_size
    whole = len(order) // size * size

    def batched(rows: jax.Array) -> jax.Array:
        return rows[:whole].reshape(whole // size, size, *rows.shape[1:])

    state, losses = jax.lax.scan(partial(step, workload), state, (batched(features), batched(target)))
    if whole < len(order):
        state, last = step(workload, state, (features[whole:], target[whole:]))
        losses = jnp.append(losses, last)
    return state, losses


class EpochCalls(Peer):
    """A call of a compiled function for each epoch: one can look at the losses, save or stop between them."""

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        self.features = jnp.asarray(problem.examples.features.numpy())
        self.target = jnp.asarray(problem.examples.target.numpy())
        self.orders = [jnp.asarray(order.numpy().astype(np.int32)) for order in problem.orders]
        one = partial(epoch, problem.workload)
        self.epoch = one if problem.workload.rounds == 1 else jax.vmap(one)
        self.call = jax.jit(self.epoch, donate_argnums=0)

    def reset(self) -> None:
        def copied() -> State:
            return [(jnp.array(weight.numpy()), jnp.array(bias.numpy())) for weight, bias in self.problem.weights]

        workload = self.problem.workload
        memory: State = ()
        if workload.optimizer == "adam":
            rounds = () if workload.rounds == 1 else (workload.rounds,)
            zeros = partial(jax.tree.map, jnp.zeros_like)
            memory = zeros(copied()), zeros(copied()), jnp.zeros(rounds)
        self.state = jax.block_until_ready((copied(), memory))

    def train(self) -> None:
        history = []
        for order in self.orders:
            self.state, losses = self.call(self.state, self.features, self.target, order)
            history.append(losses)
        self.history = jax.block_until_ready(history)

    def losses(self) -> list[float]:
        return self.problem.epoch_loss(np.asarray(self.history[-1]).T)  # rounds come first here


class OneCall(EpochCalls):
    """The whole training is one call, with the epochs in a scan too: nothing can be seen of it before its end."""

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        self.all_orders = jnp.stack(self.orders)

        def training(
            state: State, features: jax.Array, target: jax.Array, orders: jax.Array
        ) -> tuple[State, jax.Array]:
            return jax.lax.scan(lambda state, order: self.epoch(state, features, target, order), state, orders)

        self.call = jax.jit(training, donate_argnums=0)

    def train(self) -> None:
        self.state, history = self.call(self.state, self.features, self.target, self.all_orders)
        self.history = jax.block_until_ready(history)
