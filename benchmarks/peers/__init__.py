"""Who trains: minidl and its peers, each in a module of its own that is imported in the contestant's process alone."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.workloads import Workload

if TYPE_CHECKING:
    from benchmarks.peers.peer import Peer


@dataclass(frozen=True)
class Contestant:
    """One way to train. Of those that share a peer the fastest is that peer in the ratios."""

    name: str
    peer: str
    target: str
    """Its class, `module:name` within this package."""
    rounds: bool = True
    """Whether it trains several rounds."""
    only_rounds: bool = False

    def trains(self, workload: Workload) -> bool:
        return self.rounds if workload.rounds > 1 else not self.only_rounds

    def load(self) -> type[Peer]:
        """Its class; ImportError where what it needs is not installed."""
        module, name = self.target.split(":")
        loaded: type[Peer] = getattr(importlib.import_module(f"benchmarks.peers.{module}"), name)
        return loaded


MINIDL, JIT, PLAIN, EAGER = "minidl", "minidl[jit]", "minidl, capture=False", "PyTorch eager"
COMPILE, FUNC, SKLEARN = "torch.compile", "torch.func", "scikit-learn"
JAX, JAX_WHOLE = "JAX", "JAX, one call"

CONTESTANTS = (
    Contestant("minidl", MINIDL, "minidl_peer:Minidl"),
    Contestant("minidl[jit]", JIT, "minidl_peer:Jit"),
    Contestant("minidl, capture=False", PLAIN, "minidl_peer:Plain"),
    Contestant("PyTorch eager, plain", EAGER, "pytorch:Plain"),
    Contestant("PyTorch eager, foreach", EAGER, "pytorch:Foreach"),
    Contestant("PyTorch eager, fused", EAGER, "pytorch:Fused"),
    Contestant("torch.compile", COMPILE, "compiled:Compiled"),
    Contestant("torch.func", FUNC, "ensembled:Ensembled", only_rounds=True),
    Contestant("JAX, a call an epoch", JAX, "jax_peer:EpochCalls"),
    Contestant("JAX, one call", JAX_WHOLE, "jax_peer:OneCall"),
    Contestant("scikit-learn", SKLEARN, "sklearn_peer:Sklearn", rounds=False),
)
PEERS = tuple(dict.fromkeys(contestant.peer for contestant in CONTESTANTS))
