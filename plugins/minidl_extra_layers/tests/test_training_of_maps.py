"""Models of maps, and of whole numbers, from a table to predictions."""

from __future__ import annotations

import pytest
import torch

from minidl_core import build_model, load_model, save_model, train
from minidl_core.data import Table
from minidl_core.data.columns import numeric

MAPS = (
    "reshape(1,4,4)-conv2d(_,4,3,padding=1,bias=false)-batch_norm(_)-relu-max_pool2d(2)"
    "-flatten-dropout(p=0.1)-linear(_,_)"
)


def corners(rows: int = 400) -> Table:
    """Maps of 4 x 4 numbers, and in which of two corners the greater one is."""
    x = torch.rand(rows, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return Table(x, (x[:, 0] > x[:, -1]).long(), numeric(*map(str, range(16))), ("corner",), ("first", "last"))


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_convolutional_model_with_the_default_loss_learns_and_is_kept(rounds, tmp_path, caplog):
    table = corners()
    options = {"optimizer": "adam(lr=0.02)", "epochs": 40, "rounds": rounds}
    training = train(MAPS, table, loss=None if rounds == 1 else "mse", **options)
    assert not caplog.messages
    assert training.test["accuracy"].mean > 0.8
    save_model(training.trained, tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors").predict(table.features) == training.trained.predict(
        table.features
    )


def test_the_input_of_a_model_is_not_that_of_a_layer_behind_another_shape():
    assert build_model(MAPS, (16,), (2,)).input_shape() is None
    assert build_model("relu-dropout-linear(4,2)").input_shape() == (4,)


def test_a_column_of_whole_numbers_is_embedded():
    k = torch.arange(60, dtype=torch.float64).remainder(6).unsqueeze(-1)
    table = Table(k, k[:, 0].remainder(2).long(), numeric("k"), ("odd",), ("no", "yes"))
    training = train(
        "embedding(6,4)-flatten(axes=2)-linear(_,_)", table, scaling="none", epochs=40, optimizer="adam(lr=0.1)"
    )
    assert training.train["accuracy"].mean == 1
