"""The committed classifier keeps its tensor contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from whatsit.engines.onnx_runner import OnnxRunner

MODEL = Path(__file__).resolve().parents[2] / "model_repository" / "classifier" / "1" / "model.onnx"


@pytest.mark.skipif(not MODEL.is_file(), reason="the classifier is not built; run `whatsit build classifier`")
def test_contract() -> None:
    with OnnxRunner(MODEL) as runner:
        assert [str(spec) for spec in runner.inputs] == ["images uint8[n,3,224,224]"]
        images = np.random.default_rng(0).integers(0, 256, (3, 3, 224, 224)).astype(np.uint8)
        outputs = runner.run({"images": images})
        assert {name: scores.shape for name, scores in outputs.items()} == {
            "intent": (3, 3),
            "source": (3, 3),
            "topic": (3, 9),
            "tag": (3, 42),
        }
        for scores in outputs.values():
            assert scores.dtype == np.float32
            np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-4)
        alone = runner.run({"images": images[1:2]})["tag"]
        np.testing.assert_allclose(alone[0], outputs["tag"][1], atol=0.02)
    assert MODEL.stat().st_size < 6e6
