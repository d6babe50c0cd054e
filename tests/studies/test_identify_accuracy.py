"""Counts of the accuracy study; `tests/cli/test_evaluate.py` has it through a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from whatsit_client import Answer, Identification, Item, Match, Region
from whatsit_client.taxonomy import INTENTS

from tests.evaluation_data import CLASSES, VAL
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.studies import identify_accuracy
from whatsit.studies.identify_accuracy import evaluate_grocery

WHOLE, PART = (0.0, 0.0, 100.0, 100.0), (0.0, 0.0, 90.0, 90.0)


class FakeServer:
    """Takes the place of Triton and of the client.

    Packages are first in the whole picture, fruit and vegetables only in a part of it, and scenes close the gate.
    """

    grpc_url = metrics_url = "nowhere"
    names: ClassVar[dict[bytes, tuple[str, str]]] = {}
    calls = 0

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *_: object) -> None: ...

    def identify(self, image: bytes) -> Identification:
        FakeServer.calls += 1
        name, group = self.names.get(image, ("", ""))
        packages = group == "packages"
        whole = Match(Item(name), 1.5) if packages else Match(Item("another"), 1.1)
        regions = [Region(WHOLE, 1.0, "", (whole,)), Region(PART, 0.9, "", (Match(Item(name or "another"), 1.9),))]
        scores = dict.fromkeys(INTENTS, 0.0)
        answer = Answer(packages, ids=(name,) if packages else (), region=0)
        return Identification(tuple(regions), "goods" if name else "other", scores, {}, {}, {}, answer)


@pytest.fixture
def fake(evaluation_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = evaluation_data / "grocery_store"
    FakeServer.names = {path.read_bytes(): (item.name, item.group) for path, item in GroceryStore(folder).photos()}
    FakeServer.calls = 0
    for name in ("Server", "Client"):
        monkeypatch.setattr(identify_accuracy, name, FakeServer)
    monkeypatch.setattr(identify_accuracy, "request_successes", lambda *_: FakeServer.calls)
    monkeypatch.setattr(identify_accuracy, "add_to_catalogue", lambda *_, **__: None)
    monkeypatch.setattr(identify_accuracy, "grocery_catalogue", lambda *_, **__: Path("catalogue"))
    monkeypatch.setattr(identify_accuracy, "SHOP_PRODUCTS", 8)
    return folder


def test_photos_are_counted_by_group_and_mode(fake: Path, tmp_path: Path) -> None:
    report = evaluate_grocery(fake, tmp_path)
    photos = VAL * len(CLASSES)
    assert (report.calls, report.successes, report.scene_calls, report.scenes) == (photos, photos, 0, ())
    assert (report.gated, report.answered, report.regions) == (0, photos // 2, 2.0)
    recall = {(row.group, row.mode): row.recall_at_1 for row in report.rows}
    whole, parts = "whole image only", "with detector"
    assert (recall["packages", whole], recall["packages", parts]) == (1.0, 1.0)
    assert (recall["fruit and vegetables", whole], recall["fruit and vegetables", parts]) == (0.0, 1.0)
    assert (recall["all", whole], recall["all", parts]) == (0.5, 1.0)


def test_scenes_are_sent_after_the_photos(fake: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int]] = []
    advanced: list[int] = []
    report = evaluate_grocery(
        fake, tmp_path, 4, 2, lambda what, total: steps.append((what, total)), lambda: advanced.append(1)
    )
    assert steps == [("photos of one item", 4), ("collages of photos", 2), ("scenes of a drawn shop", 2)]
    assert len(advanced) == report.successes == 8
    assert (report.calls, report.scene_calls, report.gated) == (4, 4, 4)
    assert {(row.group, row.scenes, row.first) for row in report.scenes} == {
        ("collages", 2, 0.0),
        ("drawn scenes", 2, 0.0),
    }
