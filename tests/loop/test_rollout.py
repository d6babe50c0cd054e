"""A roll-out on a catalogue without a server: every step, interrupted and refused ones too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.catalogue.backends import open_embedded
from whatsit.catalogue.backup.backup import backup
from whatsit.catalogue.backup.restore import restore
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.serving_pair import ServingPair, read_pair, write_pair
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file
from whatsit.loop.rollout import Rollout
from whatsit.loop.rollout_state import RolloutState, rollout_state
from whatsit.search.check_catalogue import check_catalogue
from whatsit.search.retriever import Retriever
from whatsit.server.pair_follower import PairFollower, serving_servers
from whatsit.serving.steps.catalogue import ServedCatalogue

MODELS = default_root() / "model_repository"
SHIPPED = network_file(MODELS, "embedder")
OLD = embedder_fingerprint(SHIPPED)


def state(folder: Path) -> RolloutState:
    return rollout_state(folder, MODELS)


def first(folder: Path, network: Path, id: str, picture: bytes) -> tuple[str, float]:
    """Return the nearest item of a picture, and the distance, through one embedder's index."""
    retriever = Retriever(folder, embedder_fingerprint(network))
    with PictureAnalyzer(embedder=network) as analyzer:
        (vector,) = analyzer(picture, frozenset({"embed"})).vectors or ()
    distances, numbers = retriever.index.now().search(vector.values[None], 1)
    return retriever.store.records(numbers[0].tolist())[int(numbers[0, 0])]["id"], float(distances[0, 0])


@pytest.fixture
def known(own_catalogue: Path) -> tuple[str, bytes]:
    """An item and its picture."""
    with Store(Layout(own_catalogue).store, read_only=True) as store:
        record = store.page(limit=9)[8]
    return record["id"], Path(record["image"]).read_bytes()


def test_from_the_start_to_the_switch_and_back(
    own_catalogue: Path, new_embedder: Path, known: tuple[str, bytes]
) -> None:
    new, rollout = embedder_fingerprint(new_embedder), Rollout(own_catalogue)
    assert state(own_catalogue).phase == "none"
    assert rollout.start(new_embedder, shadow=0.5) == {}
    assert read_pair(own_catalogue) == ServingPair(OLD, new, ready=True, shadow=0.5)
    assert (state(own_catalogue).phase, state(own_catalogue).embedded) == ("ready", 40)
    for network in (SHIPPED, new_embedder):
        found, distance = first(own_catalogue, network, *known)
        assert found == known[0]
        assert distance < 1e-3
    rollout.switch()
    assert read_pair(own_catalogue) == ServingPair(new, OLD, ready=True, switched=True)
    assert Layout(own_catalogue).index == own_catalogue / "embedders" / new / "index"
    check_catalogue(own_catalogue, MODELS)
    rollout.back()
    assert read_pair(own_catalogue) == ServingPair(OLD, new, ready=True)
    assert Layout(own_catalogue).index == own_catalogue / "index"
    rollout.switch()
    rollout.finish()
    assert not (own_catalogue / "index").exists()
    with Store(Layout(own_catalogue).store, read_only=True) as store:
        assert store.fingerprints() == [new]
        assert len(store.vectors(new)[0]) == 40
    check_catalogue(own_catalogue, MODELS)


def test_vectors_are_those_of_an_ingestion(own_catalogue: Path, new_embedder: Path, known: tuple[str, bytes]) -> None:
    Rollout(own_catalogue).start(new_embedder)
    with PictureAnalyzer(embedder=new_embedder) as analyzer:
        (expected,) = analyzer(known[1], frozenset({"embed"})).vectors or ()
    with Store(Layout(own_catalogue).store, read_only=True) as store:
        (picture,) = store.pictures(known[0], embedder_fingerprint(new_embedder))
    assert np.array_equal(picture.vectors[0].values, expected.values)
    assert picture.vectors[0].box == expected.box


def test_a_catalogue_of_several_views_stays_one(tmp_path: Path, new_embedder: Path, shop: Path) -> None:
    folder, new = tmp_path / "views", embedder_fingerprint(new_embedder)
    (tmp_path / "pictures").mkdir()
    shutil.copy(sorted((shop / "images").glob("*.jpg"))[0], tmp_path / "pictures" / "a.jpg")
    add_to_catalogue(folder, tmp_path / "pictures", views=True, publish=True)
    Rollout(folder).start(new_embedder)
    sent = sorted((shop / "images").glob("*.jpg"))[1].read_bytes()
    ServedCatalogue(folder, MODELS, 128).upsert('{"id": "sent"}', sent)
    with Store(Layout(folder).store, read_only=True) as store:
        (added,) = [record["id"] for record in store.page() if record["id"] != "sent"]
        data = {added: (tmp_path / "pictures" / "a.jpg").read_bytes(), "sent": sent}
        for network, fingerprint in ((SHIPPED, OLD), (new_embedder, new)):
            with PictureAnalyzer(embedder=network) as analyzer:
                for id, picture in data.items():
                    (expected,) = analyzer(picture, frozenset({"embed", "views"})).vectors or ()
                    (found,) = store.pictures(id, fingerprint)[0].vectors
                    assert np.array_equal(found.values, expected.values)


class Stop(Exception):
    """Ends a command somewhere."""


@pytest.mark.parametrize("stage", ["Embedding", "Building"])
def test_an_interrupted_start_goes_on(own_catalogue: Path, new_embedder: Path, stage: str) -> None:
    new = embedder_fingerprint(new_embedder)

    def interrupt(at: str, done: int, total: int | None) -> None:
        if (at == "Embedding") == (stage == "Embedding") and done:
            raise Stop

    with pytest.raises(Stop):
        Rollout(own_catalogue, progress=interrupt).start(new_embedder)
    assert read_pair(own_catalogue) == ServingPair(OLD, new)
    assert state(own_catalogue).phase == "embedding"
    assert 0 < state(own_catalogue).embedded <= 40
    check_catalogue(own_catalogue, MODELS)
    with pytest.raises(InvalidInput, match="not embedded yet"):
        Rollout(own_catalogue).switch()
    Rollout(own_catalogue).start(new_embedder)
    assert state(own_catalogue).phase == "ready"
    with Store(Layout(own_catalogue).store, read_only=True) as store:
        assert len(store.vectors(new)[0]) == 40


def test_changes_go_into_both(own_catalogue: Path, new_embedder: Path, shop: Path) -> None:
    new, rollout = embedder_fingerprint(new_embedder), Rollout(own_catalogue)
    rollout.start(new_embedder)
    served = ServedCatalogue(own_catalogue, MODELS, 128)
    picture = sorted((shop / "scenes").glob("*.jpg"))[0].read_bytes()
    served.upsert('{"id": "new", "title": "A scene"}', picture)
    served.upsert('{"id": "new", "price": 3}', None)  # the picture stays, and so do both vectors
    served.delete('{"id": "w7-00003"}')
    for network in (SHIPPED, new_embedder):
        retriever = Retriever(own_catalogue, embedder_fingerprint(network))
        found, distance = first(own_catalogue, network, "new", picture)
        assert (found, distance < 1e-3) == ("new", True)
        assert len(retriever.store.vectors(embedder_fingerprint(network))[0]) == 40
        assert retriever.fingerprints == (embedder_fingerprint(network),) * 2
    rollout.switch()
    assert served.stats()["items"] == 40
    assert served.similar('{"id": "new"}')["items"]
    assert new == served._items.fingerprint


def test_publishing_one_index_keeps_the_changes_of_the_other(own_catalogue: Path, new_embedder: Path) -> None:
    Rollout(own_catalogue).start(new_embedder)
    layout = Layout(own_catalogue)
    with Store(layout.store) as store:
        store.delete(["w7-00001", "w7-00002"])
        publish(store, layout.index)
        publish(store, layout.index)
    retriever = Retriever(own_catalogue, embedder_fingerprint(new_embedder))
    assert not retriever.index.now().contains(np.array([2, 3])).any()


def test_pictures_that_are_gone_hold_a_switch_back(own_catalogue: Path, new_embedder: Path) -> None:
    served = ServedCatalogue(own_catalogue, MODELS, 128)
    served.upsert(json.dumps({"id": "sent", "vectors": [[1.0, *[0.0] * 127]]}), None)
    rollout = Rollout(own_catalogue)
    assert len(rollout.start(new_embedder)) == 1
    with pytest.raises(InvalidInput, match="1 pictures lack vectors"):
        rollout.switch()
    rollout.switch(leave_out=True)
    assert state(own_catalogue).phase == "switched"


def test_abort_leaves_the_catalogue_as_it_was(own_catalogue: Path, new_embedder: Path) -> None:
    rollout = Rollout(own_catalogue)
    rollout.start(new_embedder)
    rollout.abort()
    rollout.abort()
    assert read_pair(own_catalogue) is None
    assert {path.name for path in (own_catalogue / "embedders").iterdir() if path.is_dir()} <= {OLD}
    with Store(Layout(own_catalogue).store, read_only=True) as store:
        assert store.fingerprints() == [OLD]
    check_catalogue(own_catalogue, MODELS)


def test_an_abort_that_a_switch_overtook_removes_nothing(
    own_catalogue: Path, new_embedder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = Rollout(own_catalogue)
    rollout.start(new_embedder)
    before = read_pair(own_catalogue)
    assert before is not None
    after = ServingPair(before.beside, before.serving, ready=True, switched=True)

    def overtaken(*given: object) -> Store:
        write_pair(own_catalogue, after)
        return open_embedded(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("whatsit.loop.rollout.open_embedded", overtaken)
    with pytest.raises(Unavailable, match="Another command has just changed this roll-out"):
        rollout.abort()
    assert read_pair(own_catalogue) == after
    with Store(Layout(own_catalogue).store) as store:
        assert set(store.fingerprints()) == {after.serving, after.beside}


def test_what_is_refused(own_catalogue: Path, new_embedder: Path, tmp_path: Path) -> None:
    rollout = Rollout(own_catalogue)
    refusals: list[tuple[str, Callable[[], object]]] = [
        ("no network", lambda: rollout.start(tmp_path / "none.onnx")),
        ("serves this catalogue already", lambda: rollout.start(SHIPPED)),
        ("exchanges networks of the same form", lambda: rollout.start(network_file(MODELS, "classifier"))),
        ("no roll-out", rollout.switch),
        ("no roll-out", rollout.back),
        ("nothing to finish", rollout.finish),
    ]
    for sentence, call in refusals:
        with pytest.raises(InvalidInput, match=sentence):
            call()
    rollout.start(new_embedder)
    rollout.switch()
    with pytest.raises(InvalidInput, match="go back first"):
        rollout.abort()
    with pytest.raises(InvalidInput, match="serves already"):
        rollout.switch()
    with pytest.raises(InvalidInput, match="under way|serves this catalogue"):
        rollout.start(new_embedder)
    (own_catalogue / "pairs.json").write_text('{"serving": "../../x"}')
    with pytest.raises(Damaged, match="names its embedders"):
        read_pair(own_catalogue)


def test_a_server_that_has_not_loaded_the_embedder_holds_a_switch_back(own_catalogue: Path, new_embedder: Path) -> None:
    rollout = Rollout(own_catalogue)
    rollout.start(new_embedder)
    follower = PairFollower(lambda: {"default": own_catalogue}, SHIPPED, ("fused",), None)
    follower._sets = type(follower._sets)(OLD, {OLD: SHIPPED})
    follower._beat(100.0)
    assert list(serving_servers(own_catalogue).values()) == [(OLD,)]
    with pytest.raises(Unavailable, match="has not loaded"):
        rollout.switch(wait=0.0)
    assert state(own_catalogue).phase == "ready"
    follower.stop()
    rollout.switch(wait=0.0)


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    pair = ServingPair("0" * 16 + "-p1", "1" * 16 + "-p1", ready=True, shadow=0.25)
    write_pair(tmp_path, pair)
    assert read_pair(tmp_path) == pair
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.json"]


def test_a_restored_back_up_is_served_by_its_own_embedder(
    own_catalogue: Path, new_embedder: Path, known: tuple[str, bytes], tmp_path: Path
) -> None:
    rollout = Rollout(own_catalogue)
    rollout.start(new_embedder)
    rollout.switch()
    backup(own_catalogue, tmp_path / "shop.tar")
    restore(tmp_path / "shop.tar", tmp_path / "restored")
    assert read_pair(tmp_path / "restored") == ServingPair(embedder_fingerprint(new_embedder))
    check_catalogue(tmp_path / "restored", MODELS)
    assert first(tmp_path / "restored", new_embedder, *known)[0] == known[0]
