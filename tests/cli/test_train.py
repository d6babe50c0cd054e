from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput, WhatsitError

pytest.importorskip("torch")

from whatsit.cli.app import app
from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture

TINY = """training:
  {epochs: 1000000, steps_per_epoch: 1, batch: 2, canvas: 64, sizes: [64], channels: 16, depth: 1, warmup_steps: 0}
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten grey pictures with a white thing each, and boxes.json."""
    pictures = []
    for number in range(10):
        pixels = np.full((64, 64, 3), 60, np.uint8)
        pixels[10:40, number : number + 30] = 250
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
        pictures.append(Picture(f"{number}.png", 64, 64, (Box(number, 10, 30, 30, "box"),)))
    LabelFile(tuple(pictures)).write(tmp_path / "boxes.json")
    (tmp_path / "recipe.yaml").write_text(TINY)
    return tmp_path


def test_own_boxes_train_within_the_time_that_is_given(photos: Path) -> None:
    command = ["train", "detector", "--recipe", photos / "recipe.yaml", "--coco", photos / "boxes.json"]
    command += ["--start", "random", "--out", photos / "run", "--max-minutes", 0.02, "--threads", 1]
    done = CliRunner().invoke(app, list(map(str, command)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "whatsit build detector" in done.stderr
    assert {"metrics.csv", "metrics.png", "best.pt", "last.pt"} <= {path.name for path in (photos / "run").iterdir()}
    with pytest.raises(WhatsitError, match="--resume"):
        CliRunner().invoke(app, list(map(str, command)), catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["embedder", "--photos", "nowhere"], "two sub-folders"),
        (["embedder", "--csv", "none.csv"], "none.csv cannot be read"),
        (["classifier", "--csv", "none.csv"], "none.csv cannot be read"),
        (["detector", "--coco", "none.json"], "none.json cannot be read"),
        (["detector", "--images", "nowhere"], "pass --coco"),
        (["embedder", "--photos", "nowhere", "--recipe", "none.yaml"], "recipe none.yaml cannot be read"),
        (["embedder", "--photos", "nowhere", "--share", "0.5", "--data", "nowhere"], "nowhere"),
    ],
)
def test_what_is_missing_is_one_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match=said):
        CliRunner().invoke(app, ["train", *arguments, "--out", str(tmp_path / "run")], catch_exceptions=False)


def test_the_built_in_classifier_takes_no_other_start(tmp_path: Path) -> None:
    """It learns heads on the ImageNet network alone; the option must not be passed over in silence."""
    result = CliRunner().invoke(app, ["train", "classifier", "--start", "random", "--out", str(tmp_path / "run")])
    assert isinstance(result.exception, InvalidInput)
    assert "--csv" in str(result.exception)
