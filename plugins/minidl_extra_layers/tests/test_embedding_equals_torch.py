"""Embeddings against `torch.nn.Embedding`, and what an index that is none says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from minidl_extra_layers.embedding import Embedding
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.errors import DataError, SpecError
from minidl_core.losses import Loss
from minidl_core.nn import Linear, Module, Sequential, saved
from minidl_core.optim import SGD
from minidl_core.spec import build_model
from minidl_core.training import fit

RANDOM = torch.Generator().manual_seed(0)


class Flat(Module):
    """The numbers of an example of two axes in a row."""

    shape: torch.Size = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        return x.flatten(-2)

    def backward(self, dy: Tensor) -> Tensor:
        return dy.reshape(self.shape)


def indices(*shape: int) -> Tensor:
    return torch.randint(6, shape, generator=RANDOM)


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("shape", [(4,), (2, 3)])
@pytest.mark.parametrize("padding_idx", [None, 2, -1])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float64])
def test_it_equals_torchs(dtype: torch.dtype, padding_idx: int | None, shape: tuple[int, ...], rounds: int) -> None:
    ours = Embedding(6, 5, padding_idx, axes=len(shape)).initialize(range(rounds), dtype=torch.float64)
    x = indices(rounds, 7, *shape)
    dy = torch.randn(*x.shape, 5, dtype=torch.float64, generator=RANDOM)
    given = x if rounds > 1 else x[0]
    y = ours.forward(given.to(dtype))
    dx = ours.backward(dy if rounds > 1 else dy[0])
    assert dx.shape == given.shape
    assert not dx.any()
    for r in range(rounds):
        peer = torch.nn.Embedding(6, 5, padding_idx).double()
        peer.weight.data.copy_(ours.weight.value[r] if rounds > 1 else ours.weight.value)
        if padding_idx is not None:
            peer.weight.data[padding_idx] = 0  # as a new one has it
        expected = peer(x[r])
        expected.backward(dy[r])
        assert torch.equal(y[r] if rounds > 1 else y, expected.detach())
        gradient = ours.weight.grad[r] if rounds > 1 else ours.weight.grad
        torch.testing.assert_close(gradient, peer.weight.grad, rtol=1e-14, atol=1e-14)


def test_rows_without_a_round_axis_are_taken_by_all_rounds() -> None:
    ours = Embedding(6, 5, axes=2).initialize(range(3), dtype=torch.float64)
    rows = indices(3, 3, 4).double()
    assert torch.equal(ours.forward(rows), ours.forward(rows.expand(3, 3, 3, 4)))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (6.0, "embedding(6,5) takes whole numbers from 0 to 5, got 6"),
        (-1.0, "embedding(6,5) takes whole numbers from 0 to 5, got -1"),
        (1.5, "got 1.5; put it first, and leave a table's columns as they are, with scaling none"),
        (float("nan"), "got nan"),
        (float("inf"), "got inf"),
        (1e30, "got 1e+30"),
    ],
)
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("capture", [True, False])
def test_what_is_no_index_is_refused_whenever_it_comes(
    capture: bool, rounds: int, number: float, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    def after_epoch(epoch: int, *_: object) -> None:
        if epoch == 2:  # all that can be is replayed by then
            features[..., 1] = number

    axes = (rounds,) if rounds > 1 else ()
    features = indices(*axes, 24, 2).double()
    target = torch.rand(*axes, 24, 3, dtype=torch.float64)
    model = Sequential(Embedding(6, 5), Flat(), Linear(10, 3)).initialize(range(rounds), dtype=torch.float64)
    options: dict[str, Any] = {"epochs": 4, "batch_size": 6, "seeds": range(rounds), "capture": capture}
    with pytest.raises(DataError) as error:
        fit(model, Examples(features, target), Loss.of("mse"), SGD(0.1), on_epoch=after_epoch, **options)
    assert message in str(error.value)
    assert caplog.messages == []


@pytest.mark.parametrize("number", [6, -1])
def test_integers_that_are_no_index_are_refused(number: int) -> None:
    with pytest.raises(DataError, match=rf"takes whole numbers from 0 to 5, got {number}$"):
        Embedding(6, 5).forward(torch.tensor([[0, number]]))


def test_canonical_text_and_what_is_refused() -> None:
    text = "embedding(6,5,padding_idx=0,init=xavier_uniform)"
    assert str(build_model(text, (4,))) == text
    assert str(build_model("embedding(6,5)", (4, 2))) == "embedding(6,5,axes=2)"
    for spec, message in (
        ("embedding(0,5)", "num_embeddings must be at least 1, got 0"),
        ("embedding(6,5,padding_idx=6)", "padding_idx must be none, or an index of 6 rows, got 6"),
        ("embedding(6,5,axes=2)", "embedding expects examples of 2 axes but gets 4; write axes=1"),
    ):
        with pytest.raises(SpecError) as error:
            build_model(spec, (4,))
        assert message in str(error.value)
