"""Photos and rows of the ablation through a server; `tests/cli/test_evaluate.py` has it through a real one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest
from whatsit_client import Identification

from tests.evaluation_data import CLASSES, TRAIN, VAL
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.studies import server_ablation
from whatsit.studies.server_ablation import ServerAblation


class FakeServer:
    """Takes the place of Triton and of the client: the stage `geometry` alone finds the product."""

    grpc_url = "nowhere"
    calls: ClassVar[Counter[str]] = Counter()

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *_: object) -> None: ...

    def identify(self, photo: Path | bytes, rerank: str) -> Identification:
        FakeServer.calls[rerank] += 1
        name = photo.parent.name if isinstance(photo, Path) and rerank == "geometry" else "nothing of the shop"
        return reply(name)


def reply(name: str) -> Any:
    """As much of an `Identification` as the study reads."""
    from types import SimpleNamespace as Namespace

    match = Namespace(item=Namespace(id=name, category={n: c for n, c, _ in CLASSES}.get(name, "")))
    return Namespace(regions=[Namespace(matches=[match])], answer=Namespace(ids=(name,), found=True))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeServer.calls.clear()
    monkeypatch.setattr(server_ablation, "Server", FakeServer)
    monkeypatch.setattr(server_ablation, "Client", FakeServer)
    monkeypatch.setattr(server_ablation, "grocery_catalogue", lambda *_: Path("catalogue"))
    monkeypatch.setattr(server_ablation, "prepare_ranker", lambda *_, **__: None)


def test_each_choice_is_asked_for_each_photo(evaluation_data: Path, tmp_path: Path, fake: None) -> None:
    store = GroceryStore(evaluation_data / "grocery_store")
    ablation = ServerAblation(store, tmp_path, lambda *_: None, ("geometry",), timed=2, callers=2)
    rows = {(row.group, row.stages): row for row in ablation.rows(with_train=False)}
    photos = VAL * len(CLASSES)
    # "none" is always measured; each timed photo is sent once more beforehand.
    assert FakeServer.calls == {"none": photos + 2 * 2, "geometry": photos + 2}
    assert (rows["all", "none"].recall_at_1, rows["all", "geometry"].recall_at_1) == (0.0, 1.0)
    assert rows["all", "none"].answered_wrong == 1.0
    assert rows["packages", "geometry"].category_at_1 == 1.0
    assert rows["all", "none"].added_ms == 0.0
    assert rows["packages", "none"].median_ms is None


def test_photos_of_train_are_not_those_of_the_ranker(evaluation_data: Path, tmp_path: Path, fake: None) -> None:
    store = GroceryStore(evaluation_data / "grocery_store")
    ablation = ServerAblation(store, tmp_path, lambda *_: None, ("none",), "train", timed=0, ranker_photos=12)
    (row, *_) = ablation.rows(with_train=True)
    step = TRAIN * len(CLASSES) // 12
    assert row.queries == 12
    measured = set(store.queries("train")[step // 2 :: step])
    assert not measured & set(store.queries("train")[::step])
    assert row.median_ms is None
    limited = ServerAblation(store, tmp_path, lambda *_: None, ("none",), "train", 5, 0, ranker_photos=12)
    assert limited.rows(with_train=False)[0].queries == 5
