"""scikit-learn's MLP, with its own first weights and batches: it cannot be given others without losing speed."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.peers.peer import Peer
from benchmarks.problem import Problem

NEVER = 1_000_000_000


class Sklearn(Peer):
    """One activation serves all its hidden layers: tanh where a workload has several.

    Its squared error is half of minidl's, summed over outputs: with two outputs the gradient is the same.
    """

    same_arithmetic = False

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        self.features, self.target = problem.examples.features.numpy(), problem.examples.target.numpy()

    def reset(self) -> None:
        workload = self.problem.workload
        kind = MLPRegressor if workload.loss == "mse" else MLPClassifier
        self.mlp = kind(
            hidden_layer_sizes=workload.sizes[1:-1],
            activation=workload.activations[0] if len(set(workload.activations)) == 1 else "tanh",
            solver=workload.optimizer,
            alpha=0.0,
            batch_size=workload.batch_size,
            learning_rate_init=workload.lr,
            max_iter=workload.epochs,
            tol=0.0,
            n_iter_no_change=NEVER,
            momentum=0.0,
            nesterovs_momentum=False,
            random_state=0,
        )

    def train(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.mlp.fit(self.features, self.target)

    def losses(self) -> list[float]:
        return [self.mlp.loss_ * (2 if self.problem.workload.loss == "mse" else 1)]
