"""What the networks and hashes note of a catalogue picture is what the server's own steps say of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import TAG_TOPIC, TAGS, TOPICS

from whatsit.catalogue.ingest.picture_analysis import separate_objects
from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import describe, embed_regions
from whatsit.pipeline.region_selection import RegionOptions
from whatsit.vision.perceptual_hash import perceptual_hash

ALL = frozenset({"embed", "hash", "detect", "categorise"})


@pytest.fixture(scope="module")
def look() -> Iterator[PictureAnalyzer]:
    with PictureAnalyzer() as opened:
        yield opened


def test_every_step_says_what_the_server_says(look: PictureAnalyzer, shop: Path) -> None:
    file = sorted((shop / "images").glob("*.jpg"))[3]
    data = file.read_bytes()
    seen = look(data, ALL)
    with Networks() as networks:
        picture = decode_picture(data)
        (vector,) = embed_regions(picture, picture.whole, networks.embedder)
        described = describe(data, RegionOptions(gate=False), networks)
    assert look.fingerprint == networks.fingerprint
    assert seen.vectors is not None
    assert seen.vectors[0].box == tuple(picture.whole.boxes[0])
    np.testing.assert_array_equal(seen.vectors[0].values, vector)

    best = 1 + int(np.argmax(described.regions.scores[1:]))
    assert seen.main is not None
    assert (seen.main.box, seen.main.label) == (tuple(described.regions.boxes[best]), described.regions.labels[best])
    assert seen.main.score == pytest.approx(float(described.regions.scores[best]))

    assert seen.prediction is not None
    topic, tag = (int(np.argmax(described.heads[name])) for name in ("topic", "tag"))
    assert (seen.prediction.topic, seen.prediction.tag) == (TOPICS[topic], TAGS[tag])
    assert seen.prediction.tag in TAG_TOPIC
    assert seen.prediction.tag_score == pytest.approx(float(described.heads["tag"][tag]), abs=1e-3)
    pixels = np.asarray(Image.open(file).convert("RGB"))
    assert seen.hashes == {"dhash": perceptual_hash(pixels).tobytes()}


def test_objects_leave_the_whole_picture_as_it_is(look: PictureAnalyzer, shop: Path) -> None:
    data = sorted((shop / "scenes").glob("*.jpg"))[0].read_bytes()
    alone, both = look(data, frozenset({"embed"})), look(data, frozenset({"embed", "objects"}))
    assert alone.vectors
    assert both.vectors
    assert both.objects
    assert alone.vectors[0].values.tobytes() == both.vectors[0].values.tobytes()
    assert separate_objects(both.objects) >= 2
    assert all(one.score is not None and one.score >= 0.15 for one in both.objects)
    again = look(data, frozenset({"objects"})).objects or ()
    assert [one.values.tobytes() for one in again] == [one.values.tobytes() for one in both.objects]


def test_only_what_was_asked_for_is_looked_at(look: PictureAnalyzer, shop: Path) -> None:
    data = sorted((shop / "images").glob("*.jpg"))[0].read_bytes()
    hashed = look(data, frozenset({"hash"}))
    assert (hashed.vectors, hashed.main, hashed.prediction, list(hashed.hashes)) == (None, None, None, ["dhash"])
    embedded = look(data, frozenset({"embed"}))
    assert (embedded.main, embedded.prediction, embedded.hashes) == (None, None, {})


def test_what_is_no_picture_is_refused(look: PictureAnalyzer) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        look(b"", ALL)


def test_where_nothing_is_found_the_whole_picture_is_the_main_thing(look: PictureAnalyzer, tmp_path: Path) -> None:
    Image.new("RGB", (120, 80), "white").save(tmp_path / "white.png")
    seen = look((tmp_path / "white.png").read_bytes(), frozenset({"detect"}))
    assert seen.main is not None
    if seen.main.score == 0.0:
        assert (seen.main.label, seen.main.box) == ("image", (0.0, 0.0, 120.0, 80.0))
