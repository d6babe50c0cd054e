"""Study of geometry: R@1 of vectors, geometry and both, shortlist recall, cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whatsit.calibration.calibrator import Calibrator
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.index.visual_words import VisualWords
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions
from whatsit.ranking.geometry import PICTURES
from whatsit.ranking.verification import inliers
from whatsit.rendering.photo import photograph
from whatsit.rendering.printed_labels import draw_label
from whatsit.rendering.shop import encode_jpeg, save_jpeg
from whatsit.search.lookup import RegionFeatures
from whatsit.search.offline_identifier import OfflineIdentifier, PhotoFeatures
from whatsit.studies.grocery_catalogues import Advanced, grocery_catalogue
from whatsit.vision.decode import decode_image
from whatsit.vision.local_features import LocalFeatures, extract

SHORTLIST = 50
# Items that geometry alone verifies: more than beside vectors.
VERIFIED = 20
LABELS_SEED = 4


@dataclass(frozen=True)
class GeometryRow:
    """A line of the table: shares 0..1, milliseconds per photo.

    Args:
        data: photos and catalogue.
        pictures: in the catalogue.
        queries: photos.
        vectors: R@1 by the embedder's vector alone.
        geometry: R@1 by inliers of the best `VERIFIED` items by visual words.
        both: R@1 of the stage `geometry` on vectors.
        shortlist: share of photos whose item is among the first 50 by visual words.
        extract_ms: local features of one picture.
        words_ms: the shortlist.
        stage_ms: the whole stage, verification and shortlist.
    """

    data: str
    pictures: int
    queries: int
    vectors: float | None
    geometry: float
    both: float | None
    shortlist: float
    extract_ms: float
    words_ms: float
    stage_ms: float | None


@dataclass(frozen=True, eq=False)
class _Photo:
    data: bytes
    item: str


class GeometryStudy:
    """Measurements on photographed labels, groceries, and a shortlist of many labels.

    Args:
        work: where catalogues are kept.
        advanced: called with the step, how much of it is done, and its total.
    """

    def __init__(self, work: Path, advanced: Advanced = lambda what, done, total: None) -> None:
        self._work, self._advanced = work, advanced

    def labels(self, count: int = 130, photos: int = 130, strength: float = 0.5) -> GeometryRow:
        """Measure photos of paper labels of ten lines, alike but for their words."""
        folder = self._work / f"labels-{count}"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            if not (path := folder / f"{number}.jpg").is_file():
                save_jpeg(path, draw_label(number, LABELS_SEED))
        catalogue = self._work / f"labels-{count}.catalogue"
        add_to_catalogue(catalogue, folder, geometry=True, publish=True)
        step = max(1, count // photos)
        taken = [_Photo(label_photo(number, strength), f"{number}") for number in range(0, count, step)][:photos]
        return self._measure(f"photos of {count} labels", catalogue, taken)

    def grocery(self, store: GroceryStore, group: str) -> GeometryRow:
        """Measure val photos of a group of products against the shop images."""
        catalogue = grocery_catalogue(store, self._work, self._advanced)
        taken = [_Photo(path.read_bytes(), item.name) for path, item in store.photos() if item.group == group]
        return self._measure(f"grocery val, {group} -> 81 shop images", catalogue, taken)

    def many(self, pictures: int = 10_000, photos: int = 100, workers: int = 4, strength: float = 0.5) -> GeometryRow:
        """Measure the shortlist alone among many labels: its recall and latency."""

        def features(number: int) -> LocalFeatures:
            return extract(draw_label(number, LABELS_SEED))

        held: list[LocalFeatures] = []
        with ThreadPoolExecutor(workers) as pool:
            for done, one in enumerate(pool.map(features, range(pictures)), start=1):
                held.append(one)
                self._advanced(f"local features of {pictures} labels", done, pictures)
        self._advanced("growing the vocabulary", 0, 1)
        words = VisualWords.build(held, np.arange(pictures, dtype=np.int64))
        queries = [extract(decode_image(label_photo(number, strength)).pixels) for number in range(photos)]
        seconds, found, first = [], 0, 0
        for number, query in enumerate(queries):
            begin = time.perf_counter()
            found_words = words.look(query)
            shortlist = found_words.items(SHORTLIST).tolist()
            seconds.append(time.perf_counter() - begin)
            found += number in shortlist
            best = max(
                shortlist[:VERIFIED], key=lambda item: _inliers(query, found_words.pictures(item, 1)), default=-1
            )
            first += best == number
        return GeometryRow(
            f"photos of {photos} of {pictures} labels, shortlist alone",
            pictures,
            photos,
            None,
            first / photos,
            None,
            found / photos,
            0.0,
            1000 * float(np.median(seconds)),
            None,
        )

    def _measure(self, data: str, catalogue: Path, photos: Sequence[_Photo]) -> GeometryRow:
        with Networks() as networks:
            calibrator, identifier = (
                Calibrator(catalogue, networks),
                OfflineIdentifier(catalogue, networks, min_score=0.0),
            )
            words = calibrator.generation.words
            assert words is not None  # these catalogues are published with geometry
            numbers = calibrator.numbers()
            outcomes = [
                _outcome(identifier, words, found, milliseconds, numbers[item])
                for found, milliseconds, item in self._photo_features(data, networks, photos)
            ]
        table = np.array(outcomes, dtype=np.float64)
        vectors, geometry, both, shortlist = table[:, :4].mean(axis=0).tolist()
        extract_ms, words_ms, stage_ms = np.median(table[:, 4:], axis=0).tolist()
        pictures = calibrator.generation.manifest.pictures
        return GeometryRow(
            data, pictures, len(photos), vectors, geometry, both, shortlist, extract_ms, words_ms, stage_ms
        )

    def _photo_features(
        self, data: str, networks: Networks, photos: Sequence[_Photo]
    ) -> Iterator[tuple[PhotoFeatures, float, str]]:
        """Yield features of whole photos and milliseconds of the local features."""
        for done, photo in enumerate(photos, start=1):
            picture = decode_picture(photo.data)
            vector = embed_regions(picture, picture.whole, networks.embedder)
            begin = time.perf_counter()
            features = extract(picture.pixels)
            milliseconds = 1000 * (time.perf_counter() - begin)
            yield (
                PhotoFeatures(vector, np.ones(1, dtype=np.float32), [RegionFeatures(features)]),
                milliseconds,
                photo.item,
            )
            self._advanced(data, done, len(photos))


def label_photo(number: int, strength: float) -> bytes:
    """Return a photo of a label of the study's shop, as JPEG."""
    rng = np.random.default_rng([number, 9])
    taken, _ = photograph(draw_label(number, LABELS_SEED), rng, (480, 600), strength=strength)
    return encode_jpeg(taken)


def _inliers(query: LocalFeatures, pictures: Sequence[LocalFeatures]) -> int:
    return max((inliers(query, picture) for picture in pictures), default=0)


def _outcome(
    identifier: OfflineIdentifier, words: VisualWords, found: PhotoFeatures, extract_ms: float, truth: int
) -> tuple[float, ...]:
    """Return hits by vectors, geometry, both and shortlist, and milliseconds."""
    (alone,) = identifier.matches(found, "none")
    begin = time.perf_counter()
    (both,) = identifier.matches(found, "geometry")
    stage_ms = 1000 * (time.perf_counter() - begin)
    query = found.regions[0].features
    begin = time.perf_counter()
    found_words = words.look(query)
    shortlist = found_words.items(SHORTLIST).tolist()
    words_ms = 1000 * (time.perf_counter() - begin)
    verified = {number: _inliers(query, found_words.pictures(number, PICTURES)) for number in shortlist[:VERIFIED]}
    best = max(verified, key=lambda number: verified[number], default=-1)
    hits = (truth in alone.numbers[:1], best == truth, truth in both.numbers[:1], truth in shortlist)
    return (*(float(hit) for hit in hits), extract_ms, words_ms, stage_ms)
