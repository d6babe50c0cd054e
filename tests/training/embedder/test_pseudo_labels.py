"""Pseudo-labels: clusters of pictures as a task of the embedder's training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

torch = pytest.importorskip("torch")

from whatsit.training.embedder.mixture import Ingredient  # noqa: E402 (after the skip)
from whatsit.training.embedder.picture_sources import PhotoSource  # noqa: E402
from whatsit.training.embedder.pseudo_labels import UNKNOWN, PseudoLabels, write_pseudo_labels  # noqa: E402
from whatsit.training.embedder.task_labels import TaskLabels  # noqa: E402

FILES = [Path(f"/data/shop/train/{k}.jpg") for k in range(6)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return pseudo-labels of the first five pictures, in two plain groups."""
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.05]], np.float32)
    write_pseudo_labels(FILES[:5], vectors, 2, 0, tmp_path / "clusters.npz")
    return tmp_path / "clusters.npz"


def test_a_picture_has_the_cluster_of_its_name_wherever_the_data_lies(written: Path) -> None:
    moved = [Path("/elsewhere") / path.relative_to("/data") for path in FILES]
    labels = PseudoLabels(written, [Ingredient(PhotoSource(moved[3:]), 0.5), Ingredient(PhotoSource(moved[:3]), 0.5)])
    first, second, third, fourth, fifth, sixth = labels.of_picture[[3, 4, 5, 0, 1, 2]]
    assert labels.classes == 2
    assert first == second == fifth != third == fourth
    assert sixth == UNKNOWN


def test_clusters_of_other_pictures_are_refused(written: Path, tmp_path: Path) -> None:
    other = [Ingredient(PhotoSource([Path("/data/other/train/0.jpg")]), 1.0)]
    with pytest.raises(InvalidInput, match="clusters of other pictures"):
        PseudoLabels(written, other)
    with pytest.raises(InvalidInput, match="no clusters"):
        PseudoLabels(tmp_path / "none.npz", other)


def test_the_task_takes_the_clusters_of_the_batch() -> None:
    labels = TaskLabels(("viewpoint", "cluster"), [], clusters=7)
    assert labels.classes == {"viewpoint": 3, "cluster": 7}
    some, clusters = torch.tensor([0, 5]), torch.tensor([6, UNKNOWN])
    assert labels.of(some, torch.tensor([0, 1]), clusters).tolist() == [[0, 1], [6, UNKNOWN]]
    assert labels.of(some, torch.tensor([0, 1])).tolist() == [[0, 1], [UNKNOWN, UNKNOWN]]
