"""Networks of grocery folds, from whole runs of `evaluate unseen --start`."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from whatsit_client.errors import InvalidInput  # noqa: E402 (after the skip)

from whatsit.studies.answers.folds import fold_repository  # noqa: E402
from whatsit.training.common import run_checkpoint as checkpoint  # noqa: E402


def test_a_whole_network_is_blended_with_its_start(tmp_path: Path) -> None:
    """The built file comes from half of the trained and half of the first weights, without the class vectors."""
    run = tmp_path / "runs" / "split-1"
    run.mkdir(parents=True)
    for name, value in (("start.pt", 0.0), ("best.pt", 1.0)):
        module = {"network.head.weight": torch.full((2, 3), value), "criterion.W": torch.zeros(2, 2)}
        checkpoint.save(run / name, {"module": module, "recipe": {"dimension": 2}, "metrics": {}})
    built = []

    def build(source: Path, model: Path) -> None:
        built.append(checkpoint.load(source)["module"])
        model.touch()

    for _ in range(2):
        repository = fold_repository(tmp_path / "runs", 1, tmp_path, tmp_path / "out", build, blend=0.5)
    assert (repository / "embedder" / "1" / "model.onnx").is_file()
    assert [sorted(module) for module in built] == [["network.head.weight"]], "built once"
    torch.testing.assert_close(built[0]["network.head.weight"], torch.full((2, 3), 0.5))


def test_a_fold_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--split 2"):
        fold_repository(tmp_path, 2, tmp_path, tmp_path / "out", lambda source, model: None)
