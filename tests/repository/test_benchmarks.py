"""The benchmarks: all contestants compute the same, so that none is fast by computing something else."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import page
from benchmarks.bars import BARS, MEMORY_BARS
from benchmarks.compare import Comparison, Result, Spread
from benchmarks.peers import COMPILE, CONTESTANTS, EAGER, JAX, JAX_WHOLE, MINIDL, Contestant
from benchmarks.peers.peer import NotAvailableError, Peer
from benchmarks.problem import Problem
from benchmarks.results import Results
from benchmarks.workloads import DIGITS, REPORT, WORKLOADS, Workload

# Batches of which the last of an epoch is smaller.
SMALL = [
    dataclasses.replace(REPORT, rows=100, batch_size=30, epochs=3),
    dataclasses.replace(REPORT, rows=100, batch_size=30, epochs=3, rounds=3),
    dataclasses.replace(DIGITS, rows=200, epochs=3),
]


def trained(contestant: Contestant, workload: Workload) -> Peer:
    """A contestant after its training; skipped where it is not installed."""
    try:
        peer = contestant.load()(Problem.of(workload), 1)
    except (ImportError, NotAvailableError) as error:
        pytest.skip(f"{contestant.name} is not available: {error}")
    peer.reset()
    peer.train()
    return peer


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def cases() -> Iterator[object]:
    for contestant in CONTESTANTS[1:]:
        for workload in SMALL:
            if contestant.trains(workload):
                marks = [pytest.mark.slow] if contestant.peer in (COMPILE, JAX, JAX_WHOLE) else []
                name = f"{contestant.name}-{workload.optimizer}-{workload.rounds}"
                yield pytest.param(contestant, workload, marks=marks, id=name)


# Peers may warn of what is no concern of this test.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("contestant", "workload"), list(cases()))
def test_a_contestant_computes_what_minidl_computes(contestant, workload):
    ours, theirs = trained(CONTESTANTS[0], workload), trained(contestant, workload)
    assert len(ours.losses()) == workload.rounds
    assert len(theirs.losses()) == round(workload.rounds * theirs.share)
    if theirs.same_arithmetic:
        assert theirs.losses() == pytest.approx(ours.losses()[: len(theirs.losses())], rel=1e-4)
    else:
        assert theirs.losses()[0] == pytest.approx(ours.losses()[0], rel=0.5)


@pytest.mark.filterwarnings("default")
def test_a_training_begins_anew_when_it_is_reset():
    peer = trained(CONTESTANTS[0], SMALL[0])
    before = peer.losses()
    peer.reset()
    peer.train()
    assert peer.losses() == before


def test_operations_are_those_of_the_matrix_products():
    workload = dataclasses.replace(REPORT, sizes=(2, 3, 5), rows=10, batch_size=4, epochs=7)
    per_row = 2 * 2 * (2 * 3) + 3 * 2 * (3 * 5)
    assert workload.operations == per_row * 10 * 7


def test_every_bar_names_a_workload():
    assert {bar.workload for bar in (*BARS, *MEMORY_BARS)} <= {workload.name for workload in WORKLOADS}


def comparison() -> Comparison:
    ours = Result("minidl", MINIDL, 1.0, 1.0, True, [0.5], [1.0, 2.0, 1.0])
    eager = Result("PyTorch eager, plain", EAGER, 1.0, 1.0, True, [0.6], [5.0, 12.0, 7.0])
    dropped = Result("PyTorch eager, fused", EAGER, 1.0, 1.0, True, [0.5], [9.0, 9.0])
    return Comparison("report, batch 100", 10, 100, 10**9, 1, [ours, eager, dropped], {}, [1e9] * 3)


def test_the_ratio_is_the_median_of_the_turns():
    found = comparison()
    assert found.ratio(found.best(EAGER)) == Spread(6.0, 5.0, 7.0)


def test_who_computes_something_else_is_told():
    assert [result.contestant for result in comparison().strangers()] == ["PyTorch eager, plain"]
    assert "**not the same**" in page.write(Results({}, False, [comparison()]))


def test_the_page_can_be_written_from_saved_results(tmp_path):
    results = Results({"date": "2024-01-01"}, False, [comparison()], {"rounds": {1: comparison()}})
    results.save(tmp_path)
    assert page.write(Results.load(tmp_path)) == page.write(results)
