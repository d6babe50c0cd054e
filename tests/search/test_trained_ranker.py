"""Clicks become a trained ranker, the ranker becomes probabilities, and calibration sets which of them is an answer."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.calibration.calibrate import calibrate
from whatsit.calibration.ranker_examples import examples
from whatsit.calibration.ranker_training import train_ranker
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import describe
from whatsit.ranking.learned import FEATURES
from whatsit.search.answer_calibration import Calibration
from whatsit.search.offline_identifier import OfflineIdentifier, best_values
from whatsit.search.retriever import Retriever
from whatsit.search.trained_ranker import TrainedRanker
from whatsit.serving.request_options import Options
from whatsit.serving.steps.catalogue import ServedCatalogue

ONE = np.ones(1, dtype=np.float32)


@pytest.fixture(scope="module")
def folder(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the rendered shop's catalogue that tests may change."""
    folder = tmp_path_factory.mktemp("learned") / "catalogue"
    shutil.copytree(catalogue, folder)
    with closing(sqlite3.connect(Layout(folder).store)) as store, store:
        store.execute("DELETE FROM clicks")  # other tests click on the shared catalogue
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path, shop: Path) -> Path:
    """The same with a click and a ranker trained on it and on 20 synthetic photos."""
    served = ServedCatalogue(folder, default_root() / "model_repository", 128)
    picture = sorted((shop / "images").glob("*.jpg"))[3]
    text = json.dumps({"id": picture.stem, "box": [0, 0, 320, 320]})
    assert served.feedback(text, picture.read_bytes())["clicks"] == 1
    steps: list[tuple[int, int]] = []
    found = examples(folder, None, 20, progress=lambda *step: steps.append(step))
    assert steps[-1] == (21, 21)  # the click besides the twenty
    assert found.features.shape[1] == len(FEATURES)
    first = found.photos == 0
    assert found.right[first].sum() >= 1  # the click was found, where its item was not taken out
    assert not found.right[first].all()
    train_ranker(found.features, found.right, found.photos, FEATURES, Layout(folder).ranker, found.fingerprint)
    return folder


def test_clicks_are_kept_and_checked(folder: Path, shop: Path) -> None:
    served = ServedCatalogue(folder, default_root() / "model_repository", 128)
    data = sorted((shop / "images").glob("*.jpg"))[0].read_bytes()
    before = len(list(Layout(folder).clicks.glob("*"))) if Layout(folder).clicks.is_dir() else 0
    for text, image, reason in (
        ('{"id": "no such item"}', data, "no item"),
        ('{"id": "w7-00000"}', None, "IMAGE"),
        ('{"id": "w7-00000"}', b"no picture", "image"),
        ('{"id": "w7-00000", "box": [9000, 9000, 9100, 9100]}', data, "outside"),
        ('{"id": "w7-00000", "box": "here"}', data, "boxes"),
        ('{"ids": ["w7-00000", "w7-00001"]}', data, "ITEM"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            served.feedback(text, image)
    kept = Layout(folder).clicks
    assert (len(list(kept.glob("*"))) if kept.is_dir() else 0) == before
    with pytest.raises(InvalidInput, match="read-only"):
        ServedCatalogue(folder, default_root() / "model_repository", 128, read_only=True).feedback("{}", data)


@pytest.mark.slow
def test_a_click_on_an_item_that_is_gone_counts_no_more(trained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / "catalogue")
    with Store(Layout(copy).store) as store:
        (click,) = store.clicks.all()
        assert click.path.is_file()
        assert click.box == (0.0, 0.0, 320.0, 320.0)
        assert store.delete([click.item]) == []
        assert store.clicks.all() == []


@pytest.mark.slow
def test_probabilities_come_with_the_matches_and_calibration_says_which_are_answers(trained: Path, shop: Path) -> None:
    data = sorted((shop / "images").glob("*.jpg"))[9].read_bytes()
    with Networks() as networks:
        vector = describe(data, Options(gate=False), networks).embeddings[:1]
        retriever = Retriever(trained, networks.fingerprint, min_score=0.9)
    found = retriever(vector, ONE, Options(rerank="learned"))
    confidences = found.regions[0].confidences
    assert confidences is not None
    assert confidences.tolist() == sorted(confidences.tolist(), reverse=True)
    assert found.regions[0].numbers[0] == 10
    assert found.answer.confidence == pytest.approx(float(confidences[0]), abs=1e-4)
    known, _, _ = calibrate(trained, 0.2, limit=8)
    assert known.found_by_ranker is not None
    assert Calibration.read(Layout(trained).calibration) == known
    sure = retriever(vector, ONE, Options(rerank="learned")).answer.found
    assert sure == (float(confidences[0]) >= known.found_by_ranker)


@pytest.mark.slow
def test_a_servers_own_stages_may_hold_a_trained_ranker(trained: Path) -> None:
    with Networks() as networks:
        retriever = Retriever(trained, networks.fingerprint, min_score=0.0, stages="learned")
    vector = np.eye(128, dtype=np.float32)[:1]
    assert retriever(vector, ONE, Options()).regions[0].confidences is not None
    assert retriever(vector, ONE, Options(rerank="none")).regions[0].confidences is None


def test_by_default_the_stage_waits_for_a_ranker(catalogue: Path) -> None:
    with Networks() as networks:
        retriever = Retriever(catalogue, networks.fingerprint, stages="surprise,learned")
    vector = np.eye(128, dtype=np.float32)[:1]
    assert retriever(vector, ONE, Options(min_score=0.0)).regions[0].confidences is None
    with pytest.raises(InvalidInput, match="train ranker"):
        retriever(vector, ONE, Options(rerank="learned"))


@pytest.mark.slow
def test_a_ranker_is_followed_and_a_foreign_one_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ranker.onnx"
    fingerprint = embedder_fingerprint(default_root() / "model_repository/embedder/1/model.onnx")
    ranker = TrainedRanker(path, fingerprint)
    assert ranker() is None
    shutil.copy(Layout(trained).ranker, path)
    score = ranker()
    assert score is not None
    assert score(np.zeros((3, len(FEATURES)), dtype=np.float32)).shape == (3,)
    assert TrainedRanker(path, "another embedder")() is None
    assert "another embedder" in capsys.readouterr().out
    path.write_bytes(b"damaged")
    assert ranker() is score
    path.unlink()
    assert ranker() is None
    shutil.copy(default_root() / "model_repository/embedder/1/model.onnx", path)
    with pytest.raises(Damaged, match="train ranker"):
        TrainedRanker(path, fingerprint)


@pytest.mark.slow
def test_the_offline_identifier_finds_what_the_server_would(trained: Path, shop: Path) -> None:
    data = sorted((shop / "images").glob("*.jpg"))[20].read_bytes()
    with Networks() as networks:
        identifier = OfflineIdentifier(trained, networks)
        found = identifier.extract(data, box=(10.0, 10.0, 300.0, 300.0))
        assert len(found.regions) == 2
        asked = identifier.matches(found, "geometry,learned")
        judged = identifier.apply_ranker(identifier.matches(found, "geometry"))
    for one, other in zip(asked, judged, strict=True):
        assert one.numbers.tolist() == other.numbers.tolist()
        np.testing.assert_array_equal(one.confidences, other.confidences)
    best = best_values(asked)
    assert max(best, key=lambda number: best[number]) == 21
    assert 21 not in best_values(identifier.matches(found, "none", np.array([3, 4, 5])))
