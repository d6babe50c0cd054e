"""Data sets as tagged pictures; what is held out is never trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.tagged_pictures import read_clothing, read_grocery, read_grocery_shop, read_imagenet


def test_real_data(shared_data: Path) -> None:
    grocery = read_grocery(shared_data / "grocery_store", "val")
    assert len(grocery) == 296
    assert {p.intent for p in grocery} == {"goods"}
    assert {p.tag for p in grocery if "Juice" in p.path.parts} == {"juice and drinks"}
    assert {p.tag for p in grocery if "Potato" in p.path.parts} == {"root and bulb"}
    assert len(read_grocery_shop(shared_data / "grocery_store")) == 81
    clothing = read_clothing(shared_data / "clothing_small", "validation")
    assert {p.intent for p in clothing} == {"apparel"}


def test_imagenet_parts_are_disjoint_and_complete(shared_data: Path) -> None:
    held, trained = (read_imagenet(shared_data / "imagenet_sample", held_out=h) for h in (True, False))
    assert (len(held), len(trained)) == (200, 800)
    assert not {p.path for p in held} & {p.path for p in trained}
    named = {p.path.stem.split("_", 1)[1]: p.tag for p in [*held, *trained]}
    assert named["tench"] == "wild animal"
    assert named["banana"] == "fruit"


def test_missing_folders_are_named(tmp_path: Path) -> None:
    for read in (lambda: read_grocery(tmp_path, "val"), lambda: read_imagenet(tmp_path, held_out=True)):
        with pytest.raises(InvalidInput, match=str(tmp_path)):
            read()
