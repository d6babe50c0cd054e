"""The ranker: what it learns, what its ONNX file computes, and what it refuses to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.calibration.ranker_training import calibration_error, train_ranker
from whatsit.engines.onnx_runner import OnnxRunner

NAMES = ("rank", "inliers", "noise")


def photos(curved: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """60 photos with ten matches each; right is likely where rank and inliers are both high, or differ (curved)."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 3)).astype(np.float32)
    score = 6 * features[:, 0] * features[:, 1] if curved else 4 * features[:, 0] + 4 * features[:, 1] - 3
    right = rng.random(600) < 1 / (1 + np.exp(-score))
    return features, right, np.repeat(np.arange(60), 10)


@pytest.mark.parametrize(("curved", "kind"), [(False, "logistic"), (True, "mlp")])
@pytest.mark.slow
def test_what_does_better_on_held_out_photos_is_written(tmp_path: Path, curved: bool, kind: str) -> None:
    features, right, owners = photos(curved)
    fit = train_ranker(features, right, owners, NAMES, tmp_path / "ranker.onnx")
    assert fit.kind == kind
    assert (fit.photos, fit.examples) == (60, 600)
    assert fit.log_loss < 0.8 * fit.base_log_loss
    assert fit.right_above_wrong > 0.8
    with OnnxRunner(tmp_path / "ranker.onnx") as runner:
        assert runner.metadata["features"] == "rank,inliers,noise"
        said = runner.run({"features": features})["confidence"]
    assert said.shape == (600,)
    # Probabilities: of those that are said to be p, about the share p is right.
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.01)):
        bin_ = (said >= low) & (said < high)
        assert abs(float(said[bin_].mean()) - float(right[bin_].mean())) < 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["ranker.onnx"]


def test_the_file_computes_what_was_fitted(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    features, right, owners = photos()
    train_ranker(features, right, owners, NAMES, tmp_path / "ranker.onnx")
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = LogisticRegression(max_iter=1000).fit(scaled, right).predict_proba(scaled)[:, 1]
    with OnnxRunner(tmp_path / "ranker.onnx") as runner:
        np.testing.assert_allclose(runner.run({"features": features})["confidence"], expected, atol=2e-3)


def test_calibration_error_is_counted_by_bins() -> None:
    said = np.array([0.05, 0.05, 0.95, 0.95])
    right = np.array([False, True, True, True])
    assert calibration_error(said, right) == pytest.approx(0.5 * (0.5 - 0.05) + 0.5 * 0.05)


def test_too_little_is_refused(tmp_path: Path) -> None:
    features, right, owners = photos()
    with pytest.raises(InvalidInput, match="20 or more"):
        train_ranker(features[:100], right[:100], owners[:100], NAMES, tmp_path / "r.onnx")
    with pytest.raises(InvalidInput, match="nothing to learn"):
        train_ranker(features, np.ones(600, dtype=bool), owners, NAMES, tmp_path / "r.onnx")
    assert not (tmp_path / "r.onnx").exists()
