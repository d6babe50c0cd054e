"""Catalogues whose pictures are embedded by several views."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.catalogue.ingest.embed_again import RegionEmbedder
from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer
from whatsit.catalogue.item import Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.catalogue.store_migration import migrate_catalogue
from whatsit.engines.repository import default_root, network_file
from whatsit.pipeline.catalogue_views import embed_views
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions

MODELS = default_root() / "model_repository"
SHIPPED = network_file(MODELS, "embedder")


@pytest.fixture
def pictures(shop: Path, tmp_path: Path) -> Path:
    """A folder of two pictures."""
    (tmp_path / "pictures").mkdir()
    for file in sorted((shop / "images").glob("*.jpg"))[:2]:
        shutil.copy(file, tmp_path / "pictures")
    return tmp_path / "pictures"


def stored(folder: Path) -> dict[str, bytes]:
    """Return the vector of each picture by the name of its file."""
    with Store(Layout(folder).store, read_only=True) as store:
        (fingerprint,) = store.fingerprints()
        found = [one for record in store.page() for one in store.pictures(record["id"], fingerprint)]
    return {Path(one.path).name: one.vectors[0].values.tobytes() for one in found}


def test_the_catalogue_keeps_the_choice_and_the_mean(pictures: Path, tmp_path: Path) -> None:
    assert add_to_catalogue(tmp_path / "one", pictures).report.added == 2
    assert add_to_catalogue(tmp_path / "many", pictures, views=True).report.added == 2
    with Networks() as networks:
        for file in pictures.iterdir():
            picture = decode_picture(file.read_bytes())
            one, many = (f(picture, picture.whole, networks.embedder)[0] for f in (embed_regions, embed_views))
            assert stored(tmp_path / "one")[file.name] == one.tobytes()
            assert stored(tmp_path / "many")[file.name] == many.tobytes()
            assert 0.5 < float(one @ many) < 0.9999
    before = stored(tmp_path / "many")
    assert add_to_catalogue(tmp_path / "many", pictures).report.unchanged == 2
    name = sorted(file.name for file in pictures.iterdir())[0]
    (pictures / name).write_bytes((pictures / name).read_bytes() + b"\0")  # another file of the same pixels
    assert add_to_catalogue(tmp_path / "many", pictures).report.updated == 1
    assert stored(tmp_path / "many") == before
    with Store(Layout(tmp_path / "many").store) as store:
        assert store.keeps_views
    with Store(Layout(tmp_path / "one").store) as store:
        assert not store.keeps_views


def test_a_filled_catalogue_refuses_another_choice(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    add_to_catalogue(folder, pictures, views=True)
    assert add_to_catalogue(folder, pictures, views=True).report.unchanged == 2
    with pytest.raises(InvalidInput, match="several views each: .* 'whatsit catalogue add NEW SOURCE --no-views'"):
        add_to_catalogue(folder, pictures, views=False)
    with pytest.raises(InvalidInput, match="Milvus takes one"):
        migrate_catalogue(folder, f"milvus://{tmp_path}/moved.db")
    with Store(Layout(folder).store) as store:
        ids = [record["id"] for record in store.page()]
        store.delete(ids)
        with pytest.raises(InvalidInput, match="several views"):  # the deleted items may come back
            store.views.keep(False)
        store.delete(ids, forever=True)
        store.views.keep(False)
        assert not store.keeps_views
    assert add_to_catalogue(folder, pictures).report.added == 2
    with pytest.raises(InvalidInput, match="one view each: .* --views'"):
        add_to_catalogue(folder, pictures, views=True)


def test_milvus_refuses_views(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="leave out --views"):
        add_to_catalogue(tmp_path / "shop", pictures, store=f"milvus://{tmp_path}/items.db", views=True)
    assert not (tmp_path / "shop").exists()


def test_embedding_again_gives_the_vectors_of_an_ingestion(shop: Path) -> None:
    data = sorted((shop / "scenes").glob("*.jpg"))[0].read_bytes()
    with PictureAnalyzer() as analyzer:
        seen = analyzer(data, frozenset({"embed", "objects", "views"}))
        plain = analyzer(data, frozenset({"embed", "objects"}))
    expected = (*(seen.vectors or ()), *(seen.objects or ()))
    known = (*(plain.vectors or ()), *(plain.objects or ()))
    assert len(expected) == len(known) > 2
    embedder = RegionEmbedder(SHIPPED, views=True)
    again = embedder(data, [Vector(one.box, np.zeros(0, np.float32), one.score) for one in known])
    embedder.close()
    for new, wanted, old in zip(again, expected, known, strict=True):
        assert (new.box, new.score, new.values.tobytes()) == (wanted.box, wanted.score, wanted.values.tobytes())
        assert not np.array_equal(new.values, old.values)
