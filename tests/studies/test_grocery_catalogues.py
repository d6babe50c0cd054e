"""Grocery catalogues of the studies, on a small drawn store."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.evaluation_data import CLASSES, TRAIN
from whatsit.calibration.calibrator import Calibrator
from whatsit.calibration.ranker_examples import Examples
from whatsit.catalogue.layout import Layout
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.pipeline.networks import Networks
from whatsit.search.offline_identifier import OfflineIdentifier
from whatsit.studies.grocery_catalogues import grocery_catalogue, left_out, prepare_ranker, train_photos


def nothing(what: str, done: int, total: int) -> None: ...


def test_sixteen_of_81_classes_are_left_out() -> None:
    assert sum(left_out(label) for label in range(81)) == 16


def test_catalogues_hold_what_was_asked_for(evaluation_data: Path, tmp_path: Path) -> None:
    store = GroceryStore(evaluation_data / "grocery_store")
    steps: list[str] = []
    folder = grocery_catalogue(store, tmp_path, lambda what, done, total: steps.append(what), True, without={2, 4})
    names = {name for label, (name, *_) in enumerate(CLASSES) if label not in (2, 4)}
    assert steps
    with Networks() as networks:
        calibrator = Calibrator(folder, networks)
        assert set(calibrator.numbers()) == names
        assert calibrator.generation.manifest.pictures == len(names) * (TRAIN + 1)
        assert calibrator.generation.words is not None
        photos = train_photos(store, calibrator, 6)
        assert len(photos) == 6
        for photo in photos:
            assert photo.item == calibrator.numbers()[photo.file.parent.name]
    plain = grocery_catalogue(store, tmp_path, nothing, geometry=False)
    assert plain != folder
    with Networks() as networks:
        assert Calibrator(plain, networks).generation.words is None
        # A train photo finds its own product: the pictures are in the right items.
        identifier = OfflineIdentifier(plain, networks, min_score=0.0)
        numbers = {number: name for name, number in Calibrator(plain, networks).numbers().items()}
        path, item = store.photos("train")[0]
        best = identifier.best(identifier.extract(path.read_bytes()), "none")
        assert numbers[max(best, key=best.__getitem__)] == item.name


def test_the_ranker_is_fitted_to_examples_of_both_kinds(evaluation_data: Path, tmp_path: Path) -> None:
    store = GroceryStore(evaluation_data / "grocery_store")
    catalogue = grocery_catalogue(store, tmp_path, nothing)
    fitted: list[tuple[Examples, Path]] = []
    prepare_ranker(store, catalogue, 24, nothing, real=True, fit=lambda *arguments: fitted.append(arguments))
    ((examples, file),) = fitted
    assert file == Layout(catalogue).ranker
    assert 0 < np.asarray(examples.right).sum() < len(examples.right)
    assert len(examples.features) == len(examples.right)
