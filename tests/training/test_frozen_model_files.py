"""Model files of earlier versions are read, and predict what they did."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import torch

from minidl_core.training import load_model, save_model

FIXTURES = Path(__file__).parent / "fixtures"
FILES = sorted(FIXTURES.glob("*.safetensors"))


def test_there_are_files_of_each_version() -> None:
    assert {path.stem for path in FILES} >= {"classes", "values"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_an_earlier_version_predicts_the_same(path: Path, tmp_path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
    rows = pl.DataFrame(expected["rows"])
    trained = load_model(path)
    inputs = trained.features.apply(trained._read(rows), trained.model.parameters.values.dtype)
    outputs = trained.outputs(inputs).double()
    # Processors differ in the last digits.
    torch.testing.assert_close(outputs, torch.tensor(expected["outputs"]).double(), rtol=1e-6, atol=1e-6)
    if trained.classes is None:
        assert trained.predict(rows) == pytest.approx(expected["predictions"], rel=1e-6)
    else:
        assert trained.predict(rows) == expected["predictions"]
    save_model(trained, tmp_path / "again")
    assert load_model(tmp_path / "again").predict(rows) == trained.predict(rows)
