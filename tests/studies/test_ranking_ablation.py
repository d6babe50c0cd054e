"""The ablation in this process, recomputed with plain numpy on the same pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation_data import VAL
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.pipeline.networks import Networks
from whatsit.studies.ranking_ablation import AVERAGED, Ablation
from whatsit.vision.crop import crop_resize
from whatsit.vision.decode import decode_image


def test_recall_without_stages_is_that_of_the_vectors(evaluation_data: Path, tmp_path: Path) -> None:
    store = GroceryStore(evaluation_data / "grocery_store")
    rows = Ablation(tmp_path, 0.0, ("none", "surprise")).grocery(store, with_train=False)
    assert [row.stages for row in rows if row.group == "all"] == ["none", "surprise", AVERAGED]
    assert {row.group for row in rows} == {"all", "packages", "fruit and vegetables"}
    with Networks() as networks:

        def embed(paths: list[Path]) -> np.ndarray:
            crops = (crop_resize(decode_image(path.read_bytes()).pixels) for path in paths)
            return np.concatenate([networks.embedder(crop[None])["embedding"] for crop in crops])

        similar = embed(store.queries()) @ embed([item.image for item in store.gallery()]).T
    right = similar.argmax(axis=1) == np.array(store.truth())
    packages = np.array([store.classes[label].department == "Packages" for label in store.truth()])
    plain = {row.group: row for row in rows if row.stages == "none"}
    assert plain["all"].recall_at_1 == pytest.approx(right.mean())
    assert plain["packages"].recall_at_1 == pytest.approx(right[packages].mean())
    assert plain["fruit and vegetables"].queries == 3 * VAL


def test_boxes_of_a_drawn_shop_find_their_products(tmp_path: Path) -> None:
    rows = Ablation(tmp_path, choices=("none",)).shop(2, products=8, scenes=4)
    assert [(row.group, row.stages) for row in rows] == [("all", "none"), ("all", AVERAGED)]
    assert rows[0].queries >= 4
    assert rows[0].recall_at_5 >= 0.5
    assert rows[0].answered <= rows[0].recall_at_1
