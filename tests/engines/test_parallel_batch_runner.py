"""The rows of a batch in several threads: the same answers, and errors that reach the caller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.engines.parallel_batch_runner import ParallelBatchRunner

EMBEDDER = Path(__file__).resolve().parents[2] / "model_repository" / "embedder" / "1" / "model.onnx"


@pytest.fixture(scope="module")
def runner() -> Iterator[OnnxRunner]:
    with OnnxRunner(EMBEDDER) as runner:
        yield runner


@pytest.mark.parametrize(("rows", "threads"), [(1, 4), (2, 4), (5, 4), (7, 3), (3, 1), (2, 0)])
def test_the_answers_are_those_of_one_run(runner: OnnxRunner, rows: int, threads: int) -> None:
    images = np.random.default_rng(rows).integers(0, 256, (rows, 3, 224, 224), dtype=np.uint8)
    side_by_side = ParallelBatchRunner(runner, threads)
    found = side_by_side.run({"images": images})
    side_by_side.close()
    assert np.array_equal(found["embedding"], runner.run({"images": images})["embedding"])


def test_a_refusal_reaches_the_caller(runner: OnnxRunner) -> None:
    side_by_side = ParallelBatchRunner(runner, 3)
    with pytest.raises(InvalidInput, match="uint8"):
        side_by_side.run({"images": np.zeros((3, 3, 224, 224), np.float32)})
    assert len(side_by_side.run({"images": np.zeros((3, 3, 224, 224), np.uint8)})["embedding"]) == 3
    side_by_side.close()
