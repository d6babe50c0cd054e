"""The committed checkpoint keeps weights, recipe and metrics, in the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput

pytest.importorskip("safetensors")

from whatsit.engines.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint


def checkpoint(order: int = 1) -> Checkpoint:
    rng = np.random.default_rng(0)
    arrays = {
        "head.weight": rng.normal(size=(4, 3)).astype(np.float32),
        "norm.running_var": np.array([1e6, 1e-9, 2.0], np.float32),
        "norm.num_batches_tracked": np.array(7, np.int64),
        "table": np.full((2, 2), 1e5, np.float32),
    }
    recipe = {"epochs": 3, "attention": "none", "shares": {"a": 0.5}}
    recipe = dict(list(recipe.items())[::order])
    return Checkpoint("embedder", dict(list(arrays.items())[::order]), recipe, {"r1": 0.8})


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "embedder.safetensors"
    given = checkpoint()
    write_checkpoint(path, given)
    read = read_checkpoint(path)
    assert (read.engine, read.recipe, read.metrics) == (given.engine, given.recipe, given.metrics)
    assert set(read.weights) == set(given.weights)
    weight = read.weights["head.weight"]
    assert weight.dtype == np.float32
    np.testing.assert_array_equal(weight, given.weights["head.weight"].astype(np.float16).astype(np.float32))
    for name in ("norm.running_var", "norm.num_batches_tracked", "table"):  # would not survive float16
        np.testing.assert_array_equal(read.weights[name], given.weights[name])


def test_same_content_same_bytes(tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{name}.safetensors" for name in "abc")
    write_checkpoint(first, checkpoint())
    write_checkpoint(second, checkpoint(order=-1))
    assert first.read_bytes() == second.read_bytes()
    write_checkpoint(third, read_checkpoint(first))  # what was halved once stays as it is
    assert third.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("keep", [0, 5, 40, 1000])
def test_damaged_file(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "embedder.safetensors"
    write_checkpoint(path, checkpoint())
    path.write_bytes(path.read_bytes()[:keep] if keep < path.stat().st_size else b"x" * keep)
    with pytest.raises(Damaged, match="write it again with --checkpoint"):
        read_checkpoint(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--checkpoint"):
        read_checkpoint(tmp_path / "none.safetensors")
